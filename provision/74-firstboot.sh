#!/usr/bin/env bash
# First boot: one unit brings keys, domain, settings and certificates to a new machine, and says in health how that went.
# Needs: BAKERY_SSH_KEYS
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

# ssh_keys: the keys that the definition names, NAME<tab>login or -<tab>KEY, one a line.
ssh_keys() {
    local key name login kind blob
    for key in $BAKERY_SSH_KEYS; do
        IFS=: read -r name login kind blob <<<"$key"
        printf '%s\t%s\t%s %s\n' "$name" "$login" "$kind" "$blob"
    done
}

apt_install python3-yaml
put_file bakery-firstboot /usr/local/sbin/bakery-firstboot 0755
put_file bakery-firstboot.service /etc/systemd/system/bakery-firstboot.service 0644
put_file bakery-certificate-renewal.service /etc/systemd/system/bakery-certificate-renewal.service 0644
put_file bakery-certificate-renewal.timer /etc/systemd/system/bakery-certificate-renewal.timer 0644
ssh_keys | put /etc/bakery/ssh-keys 0644

enable bakery-firstboot.service
