#!/usr/bin/env bash
# Run a command in which programs of another processor start as if they were this machine's, and so do their children.
# usage: with_binfmt.sh QEMU COMMAND...      QEMU is qemu-aarch64-static or qemu-arm-static
# needs: qemu-user-static, Linux 6.7 or later, and root of a sandbox. Namespaces of its own hold its binfmt_misc and
# its mounts: nothing is registered on this machine, and nothing stays.
set -euo pipefail
qemu=$(command -v "$1")
shift
case "${qemu##*/}" in # class and machine, as ELF's header says them
  qemu-aarch64-static) class='\x02' machine='\xb7' ;;
  qemu-arm-static) class='\x01' machine='\x28' ;;
  *) echo "with_binfmt: $qemu: expected qemu-aarch64-static or qemu-arm-static" >&2 && exit 2 ;;
esac
zeros='\x00\x00\x00\x00\x00\x00\x00\x00' ones='\xff\xff\xff\xff\xff\xff\xff\xff'
magic="\x7fELF$class\x01\x01\x00$zeros\x02\x00$machine\x00"
mask="\xff\xff\xff\xff\xff\xff\xff\x00$ones\xfe\xff\xff\xff" # executables and shared ones
export rule=":arm:M::$magic:$mask:$qemu:F"

here=$(readlink "/proc/$$/ns/user")
( # this process is about to be unshare, which cannot map more than one user by itself
  while there=$(readlink "/proc/$$/ns/user"); do
    if [ "$there" != "$here" ]; then
      echo "0 0 4294967295" | tee "/proc/$$/uid_map" >"/proc/$$/gid_map"
      break
    fi
    sleep 0.02
  done
) &
# shellcheck disable=SC2016 # it is for the inner shell
exec unshare --user --mount --pid --fork --kill-child bash -c '
  set -euo pipefail
  until read -r _ </proc/self/gid_map; do sleep 0.02; done
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  printf %s "$rule" >/proc/sys/fs/binfmt_misc/register
  exec "$@"' with_binfmt "$@"
