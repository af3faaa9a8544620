#!/bin/sh
# Prepares the half-made package tree $1 so that the rest unpacks faster and smaller.
# Runs on the baking machine, when the essential packages are in and the others are not.
set -eu
tree=$1

# Manuals and translations are a tenth of the files; copyright notices stay, as their licences ask.
mkdir -p "$tree/etc/dpkg/dpkg.cfg.d"
cat >"$tree/etc/dpkg/dpkg.cfg.d/bakery-small" <<'DPKG'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/lintian/*
DPKG

# The kernel's package and a trigger would both make the initramfs: tree.sh makes it once, at the end.
chroot "$tree" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs
ln -sf /bin/true "$tree/usr/sbin/update-initramfs"
