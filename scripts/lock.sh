#!/usr/bin/env bash
# Compiles requirements*.in to requirements*.txt, with hashes. Pins stay as they are unless an .in file asks otherwise;
# scripts/lock.sh --upgrade moves them all, --upgrade-package NAME one.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

find_python
find_uv
configure_uv
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Not UV_NO_CONFIG: the environments to lock for are in pyproject.toml.
names_a_registry || export XDG_CONFIG_HOME="$scratch" XDG_CONFIG_DIRS="$scratch"

compile() {
  local source=$1 target=$2
  shift 2
  echo "Locking $source ..." >&2
  "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
    "$source" --output-file "$target" "$@" >"$scratch/log" 2>&1 </dev/null ||
    { tail_of "$scratch/log"; die "$source cannot be locked: its requirements contradict each other, or the registry did not answer."; }
  # The digest of what it was made from, for scripts/check_lock.py.
  "$PYTHON" scripts/check_lock.py --stamp "$source"
}

compile requirements-dev.in requirements-dev.txt "$@"
# What runs is what was tested: the others take their versions from the first.
compile requirements.in requirements.txt --constraint requirements-dev.txt
compile requirements-cluster.in requirements-cluster.txt --constraint requirements-dev.txt "$@"
compile requirements-build.in requirements-build.txt --constraint requirements-dev.txt "$@"
compile requirements-browser.in requirements-browser.txt --constraint requirements-dev.txt "$@"
compile requirements-docs.in requirements-docs.txt --constraint requirements-dev.txt "$@"
