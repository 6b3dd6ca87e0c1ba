#!/usr/bin/env bash
# A whole emulated 64-bit board as a disk image: Debian arm64 with systemd, sshd and a user `pi`.
# usage: make_board_image.sh FOLDER SUITE      scripts/emulated_board.py calls it, and keeps the folder
# needs: mmdebstrap qemu-user-static e2fsprogs openssh-client, and what with_binfmt.sh needs.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$1"
export suite=$2
ssh-keygen -q -t ed25519 -N '' -f id_board
mkdir root
# Ours alone has all certificates in one file; Debian's way, a program for each of them, takes a minute here.
cat >essential <<'END'
echo 'ca-certificates ca-certificates/trust_new_crts select no' | chroot "$1" debconf-set-selections
END
cat >customize <<END
set -e
r="\$1"
cat "\$r"/usr/share/ca-certificates/mozilla/*.crt >"\$r/etc/ssl/certs/ca-certificates.crt"
echo pi4 >"\$r/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 pi4\n' >"\$r/etc/hosts"
echo '/dev/root / ext4 rw,noatime 0 1' >"\$r/etc/fstab"
printf '[Match]\nName=e*\n[Network]\nDHCP=ipv4\n' >"\$r/etc/systemd/network/10-eth.network"
chroot "\$r" useradd -m -s /bin/bash -u 1000 pi
install -d -m 700 -o 1000 -g 1000 "\$r/home/pi/.ssh"
install -m 600 -o 1000 -g 1000 "$PWD/id_board.pub" "\$r/home/pi/.ssh/authorized_keys"
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"\$r/etc/sudoers.d/pi" # as Raspberry Pi OS has it
ln -sf /lib/systemd/system/systemd-networkd.service "\$r/etc/systemd/system/multi-user.target.wants/"
rm -f "\$r"/etc/systemd/system/timers.target.wants/*
: >"\$r/etc/machine-id"
END
include=systemd-sysv,udev,dbus,dbus-user-session,libpam-systemd,openssh-server,python3,python3-venv
include+=,iproute2,sudo,procps,linux-image-cloud-arm64
build() {
  set -e
  mount -t tmpfs -o size=3G none root # dpkg synchronises each file, for which a disk takes minutes
  mmdebstrap --mode=root --variant=minbase --architectures=arm64 --skip=check/qemu --include="$include" \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --essential-hook="sh $PWD/essential \"\$1\"" \
    --customize-hook="sh $PWD/customize \"\$1\"" --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --format=directory "$suite" "$PWD/root"
  cp root/boot/vmlinuz-* vmlinuz
  mke2fs -q -t ext4 -d root board.img 2500M
}
export include
export -f build
# The kernel needs no initrd, since its NVMe driver and ext4 are built in; to make one takes minutes.
INITRD=No "$here/with_binfmt.sh" qemu-aarch64-static bash -c build
rmdir root
rm essential customize
