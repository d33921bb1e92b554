# Sourced by the scripts beside it: where the checkout, Python and uv are. Bash 3.2 and newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where Python may not keep compiled files, every start of Airflow compiles a thousand modules again.
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV CONDA_PREFIX

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The last lines of a file, short enough to read.
tail_of() { tail -n 5 "$1" | cut -c1-300 >&2; }

# PYTHON: a CPython that the lock was made for.
find_python() {
  local candidate asked=${PYTHON:-}
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    # A name on the PATH may be a shim with nothing behind it: only one that runs counts.
    PYTHON=$("$candidate" -I -c 'import sys
fits = sys.implementation.name == "cpython" and (3, 11) <= sys.version_info < (3, 14)
print(sys.executable if fits else "")' 2>/dev/null </dev/null) || continue
    [ -z "$PYTHON" ] || return 0
  done
  [ -z "$asked" ] || die "PYTHON=$asked is no CPython 3.11, 3.12 or 3.13 that runs."
  die "mixpanel-aep needs Python 3.11, 3.12 or 3.13, and none is on the PATH: install one (Debian: apt-get install python3), or name it: PYTHON=/path/to/python3.11."
}

# UV: the one on the PATH when it is recent enough, else one of our own in .tools, by pip, checked by its hash.
find_uv() {
  local log python
  for UV in "$(command -v uv || true)" .tools/uv/bin/uv; do
    if [ -n "$UV" ] && "$UV" pip sync --help 2>/dev/null </dev/null | grep -q -- --compile-bytecode; then return 0; fi
  done
  for python in "$PYTHON" python3; do
    "$python" -m pip --version >/dev/null 2>&1 && break
    python=
  done
  [ -n "$python" ] || die "Neither uv nor pip is installed: install one of them (Debian: apt-get install python3-pip)."
  rm -rf .tools/uv .tools/uv.new
  mkdir -p .tools
  log=.tools/pip.log
  # --target touches no other environment, so it also works where Python is managed by the system.
  "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: \
    --require-hashes --target .tools/uv.new --requirement requirements-build.txt >"$log" 2>&1 </dev/null ||
    { tail_of "$log"; die "pip could not install uv: see the lines above, and .tools/pip.log."; }
  mv .tools/uv.new .tools/uv
}

# uv without this user's habits; only where a registry's mirror is may come from outside.
configure_uv() {
  export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"
  unset UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE UV_EXCLUDE_NEWER UV_PRERELEASE UV_RESOLUTION
  if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    local mirror
    mirror=${PIP_INDEX_URL:-$("$PYTHON" -m pip config get global.index-url 2>/dev/null </dev/null || true)}
    [ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
  fi
  if [ -z "${SSL_CERT_FILE:-}" ] && [ -s "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" ]; then
    export SSL_CERT_FILE="${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}"
  fi
}

names_a_registry() { grep -qsi 'index' "${XDG_CONFIG_HOME:-${HOME:-/nonexistent}/.config}/uv/uv.toml" /etc/uv/uv.toml; }
