#!/usr/bin/env bash
# Checks that requirements.in can be installed with the constraints that Airflow publishes for the locked Airflow, on each
# supported Python. If they cannot be reached, it prints "not checked" and exits with 0, as on a machine without internet.
# CONSTRAINTS=folder reads constraints-3.11.txt and so on from a folder.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

find_python
find_uv
configure_uv
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
airflow=$(sed -n 's/^apache-airflow==\([0-9.]*\).*/\1/p' requirements.txt)
published=https://raw.githubusercontent.com/apache/airflow/constraints-$airflow
failed=0

for version in 3.11 3.12 3.13; do
  name=constraints-$version.txt
  if [ -n "${CONSTRAINTS:-}" ]; then
    cp "$CONSTRAINTS/$name" "$scratch/$name"
  else
    # A response that is an error fails the check; no response does not.
    found=$("$PYTHON" -c 'import pathlib, sys, urllib.error, urllib.request
try:
    pathlib.Path(sys.argv[2]).write_bytes(urllib.request.urlopen(sys.argv[1], timeout=20).read())
except urllib.error.HTTPError:
    raise
except OSError as error:
    print(f"not checked ({error})")' "$published/$name" "$scratch/$name")
    [ -z "$found" ] || { echo "Airflow $airflow, Python $version: $found"; continue; }
  fi
  if "$UV" pip compile --quiet --python-version "$version" requirements.in --constraint "$scratch/$name" \
    --output-file "$scratch/found.txt" >"$scratch/log" 2>&1 </dev/null; then
    echo "Airflow $airflow, Python $version: requirements.in fits the constraints"
  else
    tail_of "$scratch/log"
    echo "Airflow $airflow, Python $version: requirements.in does not fit the constraints" >&2
    failed=1
  fi
done
exit $failed
