#!/usr/bin/env bash
# Runs the tests in tests/browser with Debian's chromium. Their additional packages are installed into .tools/browser,
# from requirements-browser.txt. Arguments go to pytest; SCREENSHOTS=folder keeps screenshots of the tests.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
[ -n "$chromium" ] || die "chromium was not found. Install it (Debian: apt-get install chromium), or set CHROMIUM=/path/to/chromium."
find_python
find_uv
configure_uv
mkdir -p .tools
stamp=.tools/browser/requirements-browser.txt
if ! cmp -s requirements-browser.txt "$stamp"; then
  echo "Installing the locked packages of the browser tests into .tools/browser ..." >&2
  rm -rf .tools/browser
  "$UV" pip install --quiet --python .venv/bin/python --require-hashes --only-binary :all: --target .tools/browser \
    --requirement requirements-browser.txt >.tools/browser.log 2>&1 </dev/null ||
    { tail_of .tools/browser.log; die "The packages could not be installed. See the lines above and .tools/browser.log."; }
  cp requirements-browser.txt "$stamp"
fi
PYTHONPATH=.tools/browser CHROMIUM="$chromium" exec .venv/bin/python -m pytest tests/browser "$@"
