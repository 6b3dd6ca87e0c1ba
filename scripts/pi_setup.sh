#!/usr/bin/env bash
# From a fresh Raspberry Pi OS to a board that `liteproof deploy` can use. Run it on the board, as the
# user that is to be deployed to:
#
#   ssh pi@raspberrypi.local 'bash -s' < scripts/pi_setup.sh
#
# Root is needed by apt and by loginctl alone, and only where something is missing.
set -euo pipefail

say() { printf '%s\n' "pi_setup: $*"; }
fail() {
  say "$1" >&2
  exit 1
}

[ "$(id -u)" -ne 0 ] || fail "run it as the user that is to be deployed to, not as root"
[ -r /etc/os-release ] || fail "no Debian, and no Raspberry Pi OS"

bits=$(getconf LONG_BIT) # of the system's programs; the kernel may have more
packages=()
add_unless() {
  # add_unless PACKAGE COMMAND...: it is wanted where the command fails
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || packages+=("$package")
}
add_unless python3 command -v python3
add_unless python3-venv python3 -c 'import ensurepip'
add_unless openssh-client command -v ssh-keygen # checks signatures
if [ "$bits" = 32 ]; then                       # these have no 32-bit wheels
  add_unless python3-numpy python3 -c 'import numpy'
  add_unless python3-pil python3 -c 'import PIL'
fi
if [ "${#packages[@]}" -gt 0 ]; then
  command -v sudo >/dev/null || fail "needs sudo; or, as root: apt-get install ${packages[*]}"
  say "installing ${packages[*]}"
  sudo apt-get update -qq
  sudo apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  fail "$(python3 --version), expected 3.10 or later: Raspberry Pi OS bookworm or trixie"
case "$(uname -m)-$bits" in
  aarch64-* | x86_64-64) ;;
  armv7l-32)
    python3 -c 'import sys; sys.exit(sys.version_info >= (3, 12))' ||
      fail "no runtime has a wheel for a 32-bit $(python3 --version): take 64-bit, or bookworm"
    ;;
  *) fail "no runtime has a wheel for $(uname -m): a Pi 2 or later is needed" ;;
esac

# What is served starts at boot, without a login.
if command -v loginctl >/dev/null && [ ! -e "/var/lib/systemd/linger/$(id -un)" ]; then
  loginctl enable-linger 2>/dev/null || sudo loginctl enable-linger "$(id -un)" ||
    say "warning: what is served starts at login only, since loginctl enable-linger failed"
fi

if command -v timedatectl >/dev/null && [ "$(timedatectl show -p NTPSynchronized --value)" = no ]; then
  say "warning: the clock is not synchronised ($(date -u +%F)): signatures with dates may be refused"
fi
say "ready: $(python3 --version) on $(uname -m), $(df -h --output=avail "$HOME" | tail -1 | tr -d ' ') free"
