#!/usr/bin/env bash
# Where bakery-health puts what it found: files for nginx, a login message; source it, it does nothing by itself.
# Needs: BAKERY_HEALTH_INTERVAL_S

state=/run/bakery/health
message=/run/motd.d/bakery # which pam_motd(8) shows: a file costs a login nothing

# shellcheck disable=SC2154  # bakery-health sets status and code
# publish ENDING TEXT: for this minute and as many more as one missed run needs; the other verdict's files go last.
# The time is asked once: asked for each minute, one would be left out where the minute turns between two.
publish() {
    local dir=$state/unhealthy now=$EPOCHSECONDS i minute
    ((code != 200)) || dir=$state/healthy
    printf '%s\n' "$2" >"$dir/new"
    for ((i = 0; i <= (BAKERY_HEALTH_INTERVAL_S + 59) / 60 + 1; i++)); do
        printf -v minute '%(%FT%H:%M)T' $((now + 60 * i)) # as nginx's $time_iso8601 begins: local time
        ln -f "$dir/new" "$dir/ready"
        mv -f "$dir/ready" "$dir/$minute.$1"
    done
    find "$state" -type f -name "*.$1" ! -samefile "$dir/new" -delete
    rm -f "$dir/new" "$dir/ready"
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
