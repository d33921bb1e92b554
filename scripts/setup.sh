#!/usr/bin/env bash
# Makes .venv what the lock says, and nothing when it already is. Needs Python 3.11 to 3.13, and uv or pip.
# make calls it before every target that needs .venv. --force starts over; PYTHON=python3.13 takes that one.
# --cluster makes .venv-cluster in its place, which has what requirements-cluster.txt adds.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

venv=.venv locks=(requirements-dev.txt requirements-build.txt) asked=${PYTHON:-} force=no
for option in "$@"; do
  case $option in
    --force) force=yes ;;
    --cluster) venv=.venv-cluster locks=(requirements-dev.txt requirements-cluster.txt requirements-build.txt) ;;
    *) die "scripts/setup.sh does not know $option." ;;
  esac
done
stamp=$venv/.mixpanel-aep-stamp begun=$venv/.mixpanel-aep-begun

# What the environment was made from: the locks, the project's own metadata, the Python and the place (its scripts name it).
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

# Another Python is taken only when it is asked for by name: else the one in .venv is as good.
ready() {
  local now
  [ "$force" = no ] || return 1
  [ -z "$asked" ] || [ "$(version "$asked")" = "$(version "$venv/bin/python")" ] || return 1
  now=$(fingerprint) && [ "$now" = "$(cat "$stamp" 2>/dev/null)" ]
}

! ready || exit 0
find_python
mkdir -p .tools
# Two at a time would pull the packages from under each other.
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
    { tail_of "$log"; die "Setting up $venv failed: see the lines above, and .tools/setup.log; then run it again."; }
}

# An install that was cut short may have left half a package behind: start over.
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
"$venv/bin/python" -c 'import include, mixpanel_aep, mixpanel_aep_sandbox' || die "The project itself is not importable from $venv."
fingerprint >"$stamp.new"
mv "$stamp.new" "$stamp"
rm -f "$begun"
