#!/bin/sh
# Makes a freshly unpacked package tree bootable and leaves the rest to cloud-init at first boot.
# Runs on the baking machine; $1 is the tree. Paths in it are never followed outside of it.
set -eu
tree=$1

# The time of the newest package stands for the time of everything that is made here, so that the same packages make the
# same tree on any day: the packages' own files keep theirs, and none is newer.
epoch=$(find "$tree/var/lib/dpkg/info" -name '*.md5sums' -printf '%Ts\n' | sort -n | tail -n 1)

# What early.sh held back.
rm "$tree/usr/sbin/update-initramfs"
chroot "$tree" dpkg-divert --quiet --local --rename --remove /usr/sbin/update-initramfs
SOURCE_DATE_EPOCH=$epoch chroot "$tree" update-initramfs -c -k all >/dev/null

# When passwords were last changed (shadow(5), days since 1970): on no day of this tree's making.
sed -i -E "s/^([^:]*:[^:]*):[0-9]+:/\1:$((epoch / 86400)):/" "$tree/etc/shadow" "$tree/etc/shadow-"

cat >"$tree/etc/fstab" <<'FSTAB'
LABEL=root / ext4 defaults,noatime,errors=remount-ro 0 1
LABEL=ESP /boot/efi vfat umask=0077,nofail 0 1
FSTAB

# The kernel package keeps /vmlinuz and /initrd.img pointing at the newest kernel: this file never needs updating,
# so the machine carries no boot loader package that could fail on another kind of disk.
mkdir -p "$tree/boot/grub" "$tree/boot/efi"
cat >"$tree/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
linux /vmlinuz root=LABEL=root ro console=tty0 console=ttyS0,115200
initrd /initrd.img
boot
GRUB

echo localhost >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$tree/etc/hosts"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
systemctl --root="$tree" enable systemd-networkd systemd-resolved systemd-timesyncd ssh >/dev/null 2>&1

# The packages' scripts made these for this tree; every machine makes its own.
rm -f "$tree"/etc/ssh/ssh_host_*
: >"$tree/etc/machine-id"

# cloud-init would generate en_US.UTF-8, which is not installed, and call the whole first boot failed.
mkdir -p "$tree/etc/cloud/cloud.cfg.d"
echo 'locale: false' >"$tree/etc/cloud/cloud.cfg.d/10-base.cfg"
echo 'LANG=C.UTF-8' >"$tree/etc/default/locale"
