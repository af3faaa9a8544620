#!/usr/bin/env bash
# What bakery-health asks of dokku's files and its apps: source it and call ask_dokku; it does nothing by itself.
# Needs: nothing

source "${BASH_SOURCE[0]%/*}/health-vhosts.sh"

# Each `dokku` command starts processes by the hundred, twice a minute for ever.
ask_dokku() {
    local version="" restored
    # Without the event listener nginx keeps a container's old address.
    [[ ${units["dokku-event-listener.service"]-} != active ]] || read -r version </var/lib/dokku/STABLE_VERSION || true
    restored=$(restore_state)
    check dokku "\"$version\"" test -n "$version"
    ask_certificates
    stage restore "$restored" restoring
    stage vhosts "$(vhosts_state "$restored")" restoring
    if [[ $restored != "done" ]]; then
        report apps '"not asked yet"' restoring
    elif [[ -z $docker ]]; then
        report apps '"not known without docker"' unhealthy
    else
        ask_apps
    fi
}

# restore_state: until bakery-restore has ended its first run since the boot, some apps may not answer yet.
restore_state() { if [[ -e /run/bakery-restore/ended ]]; then echo "done"; else echo waiting; fi; }

# ask_certificates: whole days until the first one ends, -1 when one has. One that has ended may be a forgotten app's.
ask_certificates() {
    local file app left first="" verdict=healthy
    expired=" "
    for file in /home/dokku/*/tls/server.crt; do
        app=${file%/tls/*} app=${app##*/}
        ends_of "$app" "$file" || continue
        left=$((REPLY - EPOCHSECONDS))
        left=$((left < 0 ? -1 : left / 86400))
        ((left >= 0)) || expired+="$app "
        first=$((left < ${first:-$left} ? left : ${first:-$left}))
    done
    [[ ${first:-0} -ge 0 ]] || verdict=degraded
    report certificates "${first:-null}" "$verdict"
}

# ends_of APP FILE: puts when it ends into REPLY; openssl is asked once for each certificate that comes.
ends_of() {
    # shellcheck disable=SC2154  # health-publish.sh says where
    local kept=$state/certificate.$1 text="" known="" end
    read -r -d '' text 2>/dev/null <"$2" || [[ -n $text ]] || return
    { read -r REPLY && read -r -d '' known; } 2>/dev/null <"$kept" || true
    [[ $known != "$text" ]] || return 0
    end=$(openssl x509 -noout -enddate 2>/dev/null <<<"$text") || return
    REPLY=$(date -d "${end#*=}" +%s)
    printf '%s\n%s\n' "$REPLY" "$text" >"$kept"
}

# ask_apps: the machine is there for its apps, so it is well while they answer, degraded while some do, and else it is not.
ask_apps() {
    local name word up=0 down=""
    while read -r name word; do
        if [[ $word == up && $expired != *" $name "* ]]; then
            ((++up))
            answers+=("bakery_app_up{app=\"$name\"} 1")
        else
            down+=" $name"
            answers+=("bakery_app_up{app=\"$name\"} 0")
        fi
    done < <(/usr/local/sbin/bakery-apps)
    if [[ -z $down ]]; then
        report apps "\"$up up\"" healthy
    elif ((up)); then
        report apps "\"down:$down\"" degraded
    else
        report apps "\"down:$down\"" unhealthy
    fi
}
