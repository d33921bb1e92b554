#!/usr/bin/env bash
# Runs the tests on each other supported Python of this machine, in a clean clone of the last commit with its own .venv.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

here=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for version in 3.11 3.12 3.13; do
  if [ "$version" = "$here" ]; then
    continue
  elif ! "python$version" -I -c "" >/dev/null 2>&1; then  # a name on the PATH may be a shim without a Python behind it
    echo "python$version is not installed; not tested."
    continue
  fi
  clone=$(mktemp -d)
  trap 'rm -rf "$clone"' EXIT
  git clone --quiet . "$clone"
  echo "Tests on python$version ..."
  PYTHON="python$version" make --no-print-directory -C "$clone" test
  rm -rf "$clone"
done
