#!/usr/bin/env bash
# The forms in which bakery-health tells what it found: JSON, metrics, a login message; source it, it does nothing by itself.
# Needs: BAKERY_IMAGE BAKERY_BASE BAKERY_RELEASE BAKERY_FINGERPRINT

# as_json STATUS CHECK…: each CHECK is a "name":{…} of JSON.
as_json() {
    local all checked_at
    TZ=UTC printf -v checked_at '%(%FT%TZ)T' "$EPOCHSECONDS"
    printf -v all ',%s' "${@:2}"
    printf '{"status":"%s","checked_at":"%s","image":"%s","base":"%s","release":"%s","fingerprint":"%s","checks":{%s}}' "$1" \
        "$checked_at" "$BAKERY_IMAGE" "$BAKERY_BASE" "$BAKERY_RELEASE" "$BAKERY_FINGERPRINT" "${all#,}"
}

# as_metrics STATUS CODE: with the samples in `oks`, `values` and `answers` (prometheus.io/docs/instrumenting/exposition_formats).
as_metrics() {
    local healthy=$(($2 == 200)) degraded=0
    [[ $1 != degraded ]] || degraded=1
    # shellcheck disable=SC2154  # bakery-health fills them
    printf '%s\n' "# TYPE bakery_healthy gauge" "bakery_healthy $healthy" \
        "# TYPE bakery_degraded gauge" "bakery_degraded $degraded" \
        "# TYPE bakery_checked_timestamp_seconds gauge" "bakery_checked_timestamp_seconds $EPOCHSECONDS" \
        "# TYPE bakery_info gauge" \
        "bakery_info{image=\"$BAKERY_IMAGE\",base=\"$BAKERY_BASE\",release=\"$BAKERY_RELEASE\",status=\"$1\"} 1" \
        "# TYPE bakery_check_ok gauge" "${oks[@]}" "# TYPE bakery_check_value gauge" "${values[@]}"
    # shellcheck disable=SC2154  # likewise
    ((${#answers[@]} == 0)) || printf '%s\n' "# TYPE bakery_app_up gauge" "${answers[@]}"
}

# as_message STATUS CHECK…: a line for what this is, one for how it is, one for apps that are down, one for each thing that
# first boot could not do.
as_message() {
    local check bad="" down=""
    for check in "${@:2}"; do
        [[ $check != *'"ok":false'* ]] || bad+=", ${check%%:*}"
        [[ $check != '"apps":{"ok":false'* ]] || down=${check#*'"value":"'}
    done
    bad=${bad//\"/} bad=${bad#, }
    printf '%s on %s, release %s, by Dokku Bakery\n' "$BAKERY_IMAGE" "$BAKERY_BASE" "$BAKERY_RELEASE"
    printf 'health at %(%F %T %Z)T: %s%s\n' "$EPOCHSECONDS" "$1" "${bad:+ ($bad)}"
    [[ -z $down ]] || printf 'apps %s\n' "${down%'"}'}"
    [[ $bad != *firstboot* ]] || firstboot_problems
}
