#!/usr/bin/env bash
# The operating system: packages, pending upgrades, cloud-init's sources, UTC, no names by multicast, security upgrades.
# Needs: BAKERY_PACKAGES
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

read -ra packages <<<"$BAKERY_PACKAGES"
apt_install cloud-init curl logrotate sudo unattended-upgrades "${packages[@]}"

# A base from a cloud image is as old as that image, and boots through its own grub. One from the archive was
# made from today's packages and has no grub: fetching lists to learn that nothing is pending costs 30 s in TCG.
if [[ -e /run/bakery-lists/all.fetched || -e /etc/default/grub || -d /etc/default/grub.d ]]; then
    fetch_lists
    apt_get upgrade --with-new-pkgs
fi

# Only the platforms that this image is for: each other one costs the first boot a probe. `hostname -f` must
# resolve on every clone (dokku's installer stops without), hence manage_etc_hosts.
put_file cloud-init.cfg /etc/cloud/cloud.cfg.d/99-bakery.cfg 0644

if [[ -e /usr/share/zoneinfo/Etc/UTC && $(readlink -f /etc/localtime) != /usr/share/zoneinfo/Etc/UTC ]]; then
    ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime
    put /etc/timezone 0644 <<<"Etc/UTC"
fi

# Where systemd-resolved is, it would answer whoever asks for names on the local network (LLMNR, mDNS), and believe them.
put_file resolved.conf /etc/systemd/resolved.conf.d/50-bakery.conf 0644

put_file unattended-upgrades.conf /etc/apt/apt.conf.d/52bakery-unattended-upgrades 0644
put_file auto-upgrades.conf /etc/apt/apt.conf.d/20auto-upgrades 0644
enable apt-daily.timer apt-daily-upgrade.timer
