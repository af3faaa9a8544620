#!/usr/bin/env bash
# What bakery-health asks of dokku: source it and call ask_dokku; it does nothing by itself.
# Needs: nothing

source "${BASH_SOURCE[0]%/*}/health-vhosts.sh"

ask_dokku() {
    local version days restore
    version=$(dokku_version) days=$(certificate_days) restore=$(restore_state)
    check dokku "\"$version\"" test -n "$version"
    check certificates "${days:-null}" test "${days:-0}" -ge 0
    stage restore "$restore" restoring
    stage vhosts "$(vhosts_state "$restore")" restoring
}

# dokku_version: nothing unless dokku answers and what repairs nginx after a container's restart runs.
dokku_version() {
    local said
    systemctl is-active --quiet dokku-event-listener.service || return 0
    # As dokku itself: root's call would go through sudo, which writes a line about it every time.
    said=$(HOME=/home/dokku timeout 20 setpriv --reuid=dokku --regid=dokku --init-groups dokku version 2>/dev/null) || return 0
    echo "${said##* }"
}

# restore_state: until bakery-restore has ended its first run since the boot, some apps may not answer yet.
restore_state() { if [[ -e /run/bakery-restore/ended ]]; then echo "done"; else echo waiting; fi; }

# certificate_days: whole days until the first of the apps' certificates ends, -1 when one has; nothing without any.
certificate_days() {
    local file end left first=
    for file in /home/dokku/*/tls/server.crt; do
        end=$(openssl x509 -noout -enddate -in "$file" 2>/dev/null) || continue
        left=$(($(date -d "${end#*=}" +%s) - EPOCHSECONDS))
        left=$((left < 0 ? -1 : left / 86400))
        first=$((left < ${first:-$left} ? left : ${first:-$left}))
    done
    echo "$first"
}
