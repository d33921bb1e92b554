#!/usr/bin/env bash
# Builds the documentation site into .site, strictly: a broken link or a page outside the navigation is an error. What only
# the site needs is installed into .tools/docs, from requirements-docs.txt. Needs no network after that.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

find_python
find_uv
configure_uv
mkdir -p .tools
stamp=.tools/docs/requirements-docs.txt
if ! cmp -s requirements-docs.txt "$stamp"; then
  echo "Installing the locked packages of the documentation site into .tools/docs ..." >&2
  rm -rf .tools/docs
  "$UV" pip install --quiet --python .venv/bin/python --require-hashes --only-binary :all: --target .tools/docs \
    --requirement requirements-docs.txt >.tools/docs.log 2>&1 </dev/null ||
    { tail_of .tools/docs.log; die "The packages could not be installed: see the lines above, and .tools/docs.log."; }
  cp requirements-docs.txt "$stamp"
fi
PYTHONPATH=.tools/docs NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --clean --quiet --config-file mkdocs.yml
echo "The site is in .site: open .site/index.html, or run .venv/bin/python -m http.server --directory .site" >&2
