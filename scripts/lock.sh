#!/usr/bin/env bash
# Compiles requirements*.in to requirements*.txt, with hashes. Pins are kept unless an .in file requires a change;
# scripts/lock.sh --upgrade upgrades all of them, --upgrade-package NAME one.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

find_python
find_uv
configure_uv
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Not UV_NO_CONFIG: pyproject.toml lists the environments to lock for.
names_a_registry || export XDG_CONFIG_HOME="$scratch" XDG_CONFIG_DIRS="$scratch"

compile() {
  local source=$1 target=$2
  shift 2
  echo "Locking $source ..." >&2
  "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
    "$source" --output-file "$target" "$@" >"$scratch/log" 2>&1 </dev/null ||
    { tail_of "$scratch/log"; die "$source could not be locked: its requirements conflict, or the registry did not respond."; }
  # The digest of the sources, for scripts/check_lock.py.
  "$PYTHON" scripts/check_lock.py --stamp "$source"
}

compile requirements-dev.in requirements-dev.txt "$@"
# The deployed versions are the tested ones: the other locks take their versions from the first.
compile requirements.in requirements.txt --constraint requirements-dev.txt
compile requirements-cluster.in requirements-cluster.txt --constraint requirements-dev.txt "$@"
compile requirements-build.in requirements-build.txt --constraint requirements-dev.txt "$@"
compile requirements-browser.in requirements-browser.txt --constraint requirements-dev.txt "$@"
compile requirements-docs.in requirements-docs.txt --constraint requirements-dev.txt "$@"
