# shellcheck shell=bash
# `dokku config:…` (stand-in): an app's environment, one K=V a line.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/scheduler-docker-local/functions"

config:set() {
    local restart=true app pair file kept
    [[ ${1:-} != --no-restart ]] || { restart=false && shift; }
    app=${1:-}
    verify_app "$app"
    env_file "$app" && file=$REPLY
    mkdir -p "${file%/*}"
    touch "$file"
    kept=$(<"$file")
    for pair in "${@:2}"; do
        [[ $pair == *=* ]] || fail "Invalid env pair: $pair"
        kept=$(grep -v "^${pair%%=*}=" <<<"$kept" || true)
        kept+=${kept:+$'\n'}$pair
    done
    # Emptied, then written, and nobody asks how that ended: so it is in the real one.
    printf '%s\n' "$kept" >"$file" 2>/dev/null || true
    if [[ $restart == true ]] && is_deployed "$app"; then
        deploy "$app"
    fi
}

config:get() {
    local line
    verify_app "${1:-}"
    env_file "$1"
    [[ -f $REPLY ]] || return 1
    while IFS= read -r line; do
        [[ $line != "${2:-}="* ]] || { echo "${line#*=}" && return; }
    done <"$REPLY"
    return 1
}
