#!/usr/bin/env bash
# Creates .venv from the lock, or does nothing if it is up to date. Needs Python 3.11 to 3.13, and uv or pip.
# make calls it before every target that needs .venv. --force recreates it; PYTHON=python3.13 selects a Python.
# --cluster creates .venv-cluster instead, which adds the packages of requirements-cluster.txt.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

venv=.venv locks=(requirements-dev.txt requirements-build.txt) requested=${PYTHON:-} force=no
for option in "$@"; do
  case $option in
    --force) force=yes ;;
    --cluster) venv=.venv-cluster locks=(requirements-dev.txt requirements-cluster.txt requirements-build.txt) ;;
    *) die "scripts/setup.sh has no option $option." ;;
  esac
done
stamp=$venv/.mixpanel-aep-stamp begun=$venv/.mixpanel-aep-begun

# The inputs of the environment: the locks, the project's metadata, the Python version and the path (scripts contain it).
fingerprint() {
  "$venv/bin/python" -I -S -c '
import hashlib, pathlib, sys
digest = hashlib.sha256(f"{sys.version}\n{pathlib.Path.cwd()}\n".encode())
for name in (*sys.argv[1:], "requirements.in", "pyproject.toml", "sandbox/requirements.in", "sandbox/pyproject.toml",
             "scripts/setup.sh"):
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())' "${locks[@]}" 2>/dev/null </dev/null
}

version() { "$1" -I -S -c 'import sys; print(sys.version)' 2>/dev/null </dev/null || true; }

# Another Python is used only if it is requested by name; otherwise the one in .venv is kept.
ready() {
  local now
  [ "$force" = no ] || return 1
  [ -z "$requested" ] || [ "$(version "$requested")" = "$(version "$venv/bin/python")" ] || return 1
  now=$(fingerprint) && [ "$now" = "$(cat "$stamp" 2>/dev/null)" ]
}

! ready || exit 0
find_python
mkdir -p .tools
# Two concurrent runs would remove each other's packages.
if command -v flock >/dev/null; then
  exec 9>.tools/setup.lock
  flock 9
  ! ready || exit 0
fi
find_uv
configure_uv
names_a_registry || export UV_NO_CONFIG=1
log=.tools/setup.log
: >"$log"

run() {
  "$UV" "$@" >>"$log" 2>&1 </dev/null ||
    { tail_of "$log"; die "Setting up $venv failed. See the lines above and .tools/setup.log, then run it again."; }
}

# An interrupted install may have left a partial package: start over.
if [ "$force" = yes ] || [ -e "$begun" ] || [ "$(version "$venv/bin/python")" != "$(version "$PYTHON")" ]; then
  rm -rf "$venv"
fi
echo "Installing the locked packages into $venv ..." >&2
[ -d "$venv" ] || run venv --quiet --python "$PYTHON" "$venv"
rm -f "$stamp"
: >"$begun"
export VIRTUAL_ENV="$PWD/$venv"
run pip sync --require-hashes --only-binary :all: --compile-bytecode "${locks[@]}"
# Registers the provider's entry point and the sandbox's pytest plugin, and puts all three packages on the path.
run pip install --no-deps --no-build-isolation --editable . --editable ./sandbox
"$venv/bin/python" -c 'import include, mixpanel_aep, mixpanel_aep_sandbox' || die "The project cannot be imported from $venv."
fingerprint >"$stamp.new"
mv "$stamp.new" "$stamp"
rm -f "$begun"
