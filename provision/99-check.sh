#!/usr/bin/env bash
# The seal's twin: looks for everything the seal must have taken out and the steps must have left, lists all that is wrong.
# Needs: BAKERY_DOCKER_PACKAGES BAKERY_NGINX_PACKAGES BAKERY_DOKKU_PACKAGES BAKERY_FINGERPRINT
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"
shopt -s nullglob dotglob

wrong=()
# absent WHAT PATH…: none of the paths exists.
absent() {
    local path
    for path in "${@:2}"; do
        [[ ! -e $path && ! -L $path ]] || wrong+=("$1: $path")
    done
}
# empty WHAT FILE: nothing in it (or no such file).
empty() { [[ ! -s $2 ]] || wrong+=("$1: $2 is not empty"); }
# none WHAT COMMAND…: it prints nothing.
none() {
    local found
    found=$("${@:2}" 2>&1) || found+=" (exit code $?)"
    [[ -z $found ]] || wrong+=("$1: ${found//$'\n'/, }")
}
# packages PATTERN: the installed ones whose name matches.
packages() { dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' | sed -nE "s/^i. ($1)\$/\1/p"; }

empty "machine id" /etc/machine-id
absent "ssh host keys" /etc/ssh/ssh_host_*
absent "random seed" /var/lib/systemd/random-seed /boot/efi/loader/random-seed
absent "docker engine id" /var/lib/docker/engine-id /etc/docker/key.json
[[ $(</etc/hostname) == localhost ]] || wrong+=("hostname: $(</etc/hostname)")

none "keys that log in" find /root /home -maxdepth 3 -path '*/.ssh/authorized_keys*' -size +0
none "private keys" find /root /home /etc/ssl/private -maxdepth 3 \( -name 'id_*' -o -name '*.key' -o -name '*.pem' \) -type f
none "shell histories" find /root /home -maxdepth 2 -name '.*_history'
none "passwords" sed -nE 's/^([^:]+):([^!*:].*)?:.*/\1/p' /etc/shadow
none "logs" find /var/log -type f -size +0 ! -name wtmp ! -name lastlog
none "journal" find /var/log/journal -mindepth 1
none "left in temporary folders" find /tmp /var/tmp -mindepth 1 -xdev
absent "cloud-init's state" /var/lib/cloud/*
absent "network of the bake" /etc/netplan/50-cloud-init.yaml /etc/systemd/network/*cloud-init* /var/lib/dhcp/*
absent "timers' last runs" /var/lib/systemd/timers/*
absent "apt's lists" /var/lib/apt/lists/*
absent "apt's archives" /var/cache/apt/archives/*.deb /var/cache/apt/*.bin
absent "sources" /usr/src/*
absent "containers" /var/lib/docker/containers/*
empty "dokku's domain" /home/dokku/VHOST
absent "dokku's accounts and secrets" /var/lib/dokku/data/letsencrypt/*/accounts/* /home/dokku/.docker /home/dokku/.netrc
absent "first boot" /var/lib/bakery/firstboot.* /etc/bakery/node.yaml
grep -qx "BAKERY_FINGERPRINT=\"$BAKERY_FINGERPRINT\"" /etc/bakery/image.env || wrong+=("/etc/bakery/image.env is not this bake's")
absent "swap and ballast" /var/lib/bakery/swap /var/lib/bakery/ballast
none "headers and sources" packages 'linux-(headers|source)-.*'
kernels=$(packages 'linux-image-[0-9].*')
[[ $(wc -l <<<"$kernels") -eq 1 ]] || wrong+=("more than one kernel: ${kernels//$'\n'/, }")

held=$(held_packages)
for package in $BAKERY_DOCKER_PACKAGES $BAKERY_NGINX_PACKAGES $BAKERY_DOKKU_PACKAGES; do
    is_satisfied "$package" || wrong+=("not installed as asked: $package, but $(installed_version "${package%%=*}")")
    grep -qx "${package%%=*}" <<<"$held" || wrong+=("not held: ${package%%=*}")
done
for unit in {docker,nginx,bakery-disk,bakery-firstboot,dokku-redeploy}.service tmp.mount dokku-event-listener.target \
    bakery-{disk-guard,cleanup,health}.timer {dokku-retire,docker-builder-prune}.timer; do
    # A definition may leave a step out, then there is no such unit.
    state=$(systemctl is-enabled "$unit" 2>/dev/null) || [[ -z $state || $state == not-found ]] ||
        wrong+=("not started at boot: $unit is $state")
done

((${#wrong[@]} == 0)) || {
    printf '  wrong: %s\n' "${wrong[@]}"
    die "${#wrong[@]} things are not as they must be"
}
log "sealed"
