#!/usr/bin/env bash
# Where bakery-health puts what it found: files for nginx, a login message; source it, it does nothing by itself.
# Needs: BAKERY_HEALTH_INTERVAL_S

state=/run/bakery/health
message=/run/motd.d/bakery # which pam_motd(8) shows: a file costs a login nothing

# shellcheck disable=SC2154  # bakery-health sets status and code
# publish JSON METRICS: for this minute and as many more as one missed run needs; what was said before goes last.
# The time is asked once: asked for each minute, one would be left out where the minute turns between two.
publish() {
    local dir=$state/unhealthy now=$EPOCHSECONDS i minute file old=()
    local -A fresh=()
    ((code != 200)) || dir=$state/healthy
    for ((i = 0; i <= (BAKERY_HEALTH_INTERVAL_S + 59) / 60 + 1; i++)); do
        printf -v minute '%(%FT%H:%M)T' $((now + 60 * i)) # as nginx's $time_iso8601 begins: local time
        printf '%s\n' "$1" >"$state/new/$minute.json"
        printf '%s\n' "$2" >"$state/new/$minute.prom"
        fresh["$dir/$minute.json"]=1 fresh["$dir/$minute.prom"]=1
    done
    mv -f "$state"/new/* "$dir" # renamed in the same file system: each is there whole, and none is gone for a moment
    for file in "$state"/{,un}healthy/*; do
        [[ -n ${fresh["$file"]-} || ! -e $file ]] || old+=("$file")
    done
    ((${#old[@]} == 0)) || rm -f "${old[@]}"
}

# tell_logins TEXT: whoever logs in reads it, as it was at the last probe.
tell_logins() {
    printf '%s\n' "$1" >"$state/message"
    mv -f "$state/message" "$message"
}

# ask_again_soon: bad news, and what the boot has not ended yet, must not stand for a whole long interval.
ask_again_soon() {
    ((code == 200 || BAKERY_HEALTH_INTERVAL_S <= 30)) || systemctl --no-block restart bakery-health-soon.timer
}
