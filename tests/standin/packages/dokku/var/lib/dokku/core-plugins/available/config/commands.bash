# shellcheck shell=bash
# `dokku config:…` (stand-in): an app's environment, one K=V a line.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/scheduler-docker-local/functions"

config:set() {
    local restart=true app pair file kept
    [[ ${1:-} != --no-restart ]] || { restart=false && shift; }
    app=${1:-}
    verify_app "$app"
    file=$DOKKU_ROOT/$app/ENV
    touch "$file"
    for pair in "${@:2}"; do
        [[ $pair == *=* ]] || fail "Invalid env pair: $pair"
        kept=$(grep -v "^${pair%%=*}=" "$file" || true)
        printf '%s\n' ${kept:+"$kept"} "$pair" >"$file"
    done
    if [[ $restart == true ]] && is_deployed "$app"; then
        deploy "$app"
    fi
}

config:get() {
    local line
    verify_app "${1:-}"
    [[ -f $DOKKU_ROOT/$1/ENV ]] || return 1
    while IFS= read -r line; do
        [[ $line != "${2:-}="* ]] || { echo "${line#*=}" && return; }
    done <"$DOKKU_ROOT/$1/ENV"
    return 1
}
