#!/usr/bin/env bash
# A whole emulated 64-bit board as a disk image: Debian arm64 with systemd, sshd and a user `pi`.
# usage: make_board_image.sh FOLDER SUITE      scripts/emulated_board.py calls it, and keeps the folder
# needs: mmdebstrap qemu-user-static e2fsprogs openssh-client, Linux 6.7 or later, and root of a sandbox.
# ARM programs start by binfmt_misc of a user namespace of its own: nothing is registered on this machine.
set -euo pipefail
folder=$1 suite=$2
cd "$folder"
ssh-keygen -q -t ed25519 -N '' -f id_board
cat >customize <<END
set -e
r="\$1"
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
include+=,iproute2,sudo,procps,linux-image-cloud-arm64,initramfs-tools,zstd
build() {
  mmdebstrap --mode=root --variant=minbase --architectures=arm64 --skip=check/qemu --include="$include" \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="sh $PWD/customize \"\$1\"" --format=directory "$suite" "$PWD/root"
}
export include suite
export -f build
gate=$(mktemp -u)
mkfifo "$gate"
unshare --user --mount --pid --fork bash -c '
  set -e
  read -r _ <'"$gate"'
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  echo ":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:F" >/proc/sys/fs/binfmt_misc/register
  build' &
child=$!
sleep 0.5
echo "0 0 4294967295" >"/proc/$child/uid_map"
echo "0 0 4294967295" >"/proc/$child/gid_map"
echo go >"$gate"
rm "$gate"
wait "$child"
cp root/boot/vmlinuz-* vmlinuz # it needs no initrd: the NVMe driver and ext4 are built in
mke2fs -q -t ext4 -d root board.img 2500M
rm -rf root customize
