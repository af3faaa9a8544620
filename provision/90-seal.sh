#!/usr/bin/env bash
# The seal: takes out all that belongs to this one machine or to its making, so that every copy starts as a stranger.
# Needs: BAKERY_BUILD_USER
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"
shopt -s nullglob

# The session that runs this lives on: sshd keeps its open connection without host keys or authorized_keys.

seal_packages() {
    local newest extra=()
    newest=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' 'linux-image-[0-9]*' | sed -n 's/^ii //p' | sort -V | tail -n 1)
    mapfile -t extra < <(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' 'linux-*' |
        sed -nE 's/^i. (linux-(image|modules|modules-extra)-[0-9].*|linux-(headers|source|kbuild)-.*)$/\1/p' |
        grep -Fv -- "${newest#linux-image-}")
    if ((${#extra[@]})); then
        log "purging ${extra[*]}"
        # The running kernel may be one of them, after an upgrade: this machine is switched off in a moment.
        debconf-set-selections <<<"linux-base linux-base/removing-running-kernel boolean false"
        apt_get purge --autoremove "${extra[@]}"
    fi
    apt_get autoremove --purge
    rm -rf /usr/src/* /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
    rm -f /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/backups/*
}

seal_docker() {
    [[ -x /usr/bin/docker ]] || return 0
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force
    docker builder prune --all --force >/dev/null
    systemctl stop 'docker*' 'containerd*'
    rm -rf /var/lib/docker/engine-id /etc/docker/key.json /var/lib/docker/network/files /var/lib/docker/tmp/*
}

seal_identity() {
    rm -f /etc/ssh/ssh_host_* /etc/ssl/private/ssl-cert-snakeoil.key
    : >/etc/machine-id
    [[ ! -e /var/lib/dbus || -L /var/lib/dbus/machine-id ]] || ln -sfn /etc/machine-id /var/lib/dbus/machine-id
    echo localhost >/etc/hostname
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
    [[ ! -e /etc/iscsi/initiatorname.iscsi ]] || echo GenerateName=yes >/etc/iscsi/initiatorname.iscsi
    # Stopping it writes the seed: do that now, or the shutdown would do it after us.
    systemctl stop systemd-random-seed.service
    rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /boot/efi/loader/random-seed
}

seal_traces() {
    local home
    for home in $(getent passwd root "$BAKERY_BUILD_USER" | cut -d: -f6); do
        rm -rf "$home"/.ssh "$home"/.cache "$home"/.gnupg "$home"/.sudo_as_admin_successful "$home"/.wget-hsts \
            "$home"/.lesshst "$home"/.viminfo "$home"/.*_history
    done
    rm -rf /var/lib/cloud/* /var/log/cloud-init*.log /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init* \
        /etc/systemd/network/*cloud-init* /etc/ssh/sshd_config.d/50-cloud-init.conf /etc/udev/rules.d/70-persistent-net.rules
    rm -rf /var/lib/dhcp/* /var/lib/systemd/{timers,coredump}/* /var/crash/* /var/lib/logrotate/status
    find /tmp /var/tmp -mindepth 1 -xdev -delete
    ! grep -q ^/var/lib/bakery/swap /proc/swaps || swapoff /var/lib/bakery/swap
    rm -f /var/lib/bakery/{swap,ballast} /var/lib/bakery/firstboot.*
}

# After all else, because all else may still write to them.
seal_logs() {
    systemctl stop 'syslog*' 'rsyslog*'
    journalctl --relinquish-var
    rm -rf /var/log/journal/*
    find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -delete
    find /var/log -type f -exec truncate --size 0 {} +
}

# Patterns, because what is not installed is not stopped, and no error.
systemctl stop 'bakery-*.timer' 'apt-daily*.timer' 'unattended-upgrades*'
seal_packages
seal_docker
seal_identity
seal_traces
seal_logs
discard_deleted
