#!/usr/bin/env bash
# The disk: grows at first boot, swap and ballast made at boot, /tmp on tmpfs, journal capped, a guard against filling up.
# Needs: BAKERY_SWAP_GB BAKERY_BALLAST_MB
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

# growpart edits the partition table with sfdisk; cloud-init calls both where they are there and is silent elsewhere.
apt_install cloud-guest-utils e2fsprogs fdisk
rm -f /etc/growroot-disabled

# Swap and ballast are files of the machine, not of the image: a oneshot makes what is missing at each boot.
log "swap ${BAKERY_SWAP_GB} GB, ballast ${BAKERY_BALLAST_MB} MB, made at boot"
put_file bakery-disk /usr/local/sbin/bakery-disk 0755
put_file bakery-disk.service /etc/systemd/system/bakery-disk.service 0644

put_file bakery-disk-guard /usr/local/sbin/bakery-disk-guard 0755
put_file bakery-disk-guard.service /etc/systemd/system/bakery-disk-guard.service 0644
put_file bakery-disk-guard.timer /etc/systemd/system/bakery-disk-guard.timer 0644

# Any service with PrivateTmp= that starts during the bake would mount the new /tmp over the uploaded steps:
# a condition in /run keeps it away until the machine is switched off.
mkdir -p /run/systemd/system/tmp.mount.d
printf '[Unit]\nConditionPathExists=/run/bakery-never\n' >/run/systemd/system/tmp.mount.d/bake.conf
put_file tmp.mount /etc/systemd/system/tmp.mount 0644

put_file journald.conf /etc/systemd/journald.conf.d/50-bakery.conf 0644

enable bakery-disk.service bakery-disk-guard.timer tmp.mount
