# Sourced by the other scripts: finds the checkout, Python and uv. Bash 3.2 and newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# If Python cannot store compiled files, every start of Airflow compiles a thousand modules again.
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV CONDA_PREFIX

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Prints the last lines of a file, shortened.
tail_of() { tail -n 5 "$1" | cut -c1-300 >&2; }

# PYTHON: a CPython version that the lock supports.
find_python() {
  local candidate requested=${PYTHON:-}
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    # A name on the PATH may be a shim without a Python behind it: only one that runs counts.
    PYTHON=$("$candidate" -I -c 'import sys
fits = sys.implementation.name == "cpython" and (3, 11) <= sys.version_info < (3, 14)
print(sys.executable if fits else "")' 2>/dev/null </dev/null) || continue
    [ -z "$PYTHON" ] || return 0
  done
  [ -z "$requested" ] || die "PYTHON=$requested is not a working CPython 3.11, 3.12 or 3.13."
  die "mixpanel-aep needs Python 3.11, 3.12 or 3.13, but none was found on the PATH. Install one (Debian: apt-get install python3), or set PYTHON=/path/to/python3.11."
}

# UV: the one on the PATH if it is recent enough, else a local one in .tools, installed by pip and checked by its hash.
find_uv() {
  local log python
  for UV in "$(command -v uv || true)" .tools/uv/bin/uv; do
    if [ -n "$UV" ] && "$UV" pip sync --help 2>/dev/null </dev/null | grep -q -- --compile-bytecode; then return 0; fi
  done
  for python in "$PYTHON" python3; do
    "$python" -m pip --version >/dev/null 2>&1 && break
    python=
  done
  [ -n "$python" ] || die "uv and pip are missing. Install one of them (Debian: apt-get install python3-pip)."
  rm -rf .tools/uv .tools/uv.new
  mkdir -p .tools
  log=.tools/pip.log
  # --target changes no other environment, so it also works where the system manages Python.
  "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: \
    --require-hashes --target .tools/uv.new --requirement requirements-build.txt >"$log" 2>&1 </dev/null ||
    { tail_of "$log"; die "pip could not install uv. See the lines above and .tools/pip.log."; }
  mv .tools/uv.new .tools/uv
}

# Configures uv without the user's own settings; only the address of a registry mirror may come from outside.
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
