#!/usr/bin/env bash
# Pin every version that a fresh Python 3.11 environment resolves today: `scripts/pin_constraints.sh`.
# No hashes (pip refuses them beside editable installs) and no addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"${PYTHON:-python3.11}" -m venv "$environment"
"$environment/bin/pip" install --quiet './edge[camera,serve]' '.[bench,dev,docs]'
{
  echo "# Every version, for Python 3.11. Written by scripts/pin_constraints.sh; do not edit."
  # A wheel's local label (+cpu) and an address (@ file:...) belong to the machine, not to the pin.
  "$environment/bin/pip" freeze --exclude liteproof --exclude liteproof-edge |
    grep -v ' @ ' | sed 's/+[A-Za-z0-9.]*$//'
} > constraints.txt
echo "constraints.txt: $(grep -vc '^#' constraints.txt) versions pinned"
