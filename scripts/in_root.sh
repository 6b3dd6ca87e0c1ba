#!/usr/bin/env bash
# Run a command in the root file system of an emulated board, as a user `pi` who has a home and no network.
# usage: in_root.sh QEMU CPU ROOT HOME COMMAND      ROOT is of scripts/emulated_roots.py; a HOME belongs to user 1000
# needs: what with_binfmt.sh needs. ROOT itself is not written to; the processor is what its /proc/cpuinfo says.
set -euo pipefail
export QEMU_CPU=$2 root=$3 home=$4 command=$5
# shellcheck disable=SC2016 # it is for the inner shell
exec "$(dirname "$0")/with_binfmt.sh" "$1" bash -c '
  set -e
  mount --bind "$root/proc" "$root/tmp" # in sight until the true ones cover it
  mount -t proc proc "$root/proc"
  mount --bind "$root/tmp/cpuinfo" "$root/proc/cpuinfo"
  umount "$root/tmp"
  mount -t tmpfs none "$root/tmp"
  mount --bind "$home" "$root/home/pi"
  cd /
  exec unshare --net env -i QEMU_CPU="$QEMU_CPU" HOME=/home/pi USER=pi PATH=/usr/bin:/usr/sbin:/bin LC_ALL=C.UTF-8 \
    chroot --userspec=1000:1000 "$root" sh -c "cd && $command"'
