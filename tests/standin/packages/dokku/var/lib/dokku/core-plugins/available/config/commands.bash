# shellcheck shell=bash
# `dokku config:…` (stand-in): the environment of an app, or of all with --global, one K="V" a line.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/scheduler-docker-local/functions"

# read_arguments WORD…: sets restart, app, file and words of the caller.
read_arguments() {
    restart=true
    [[ ${1:-} != --no-restart ]] || { restart=false && shift; }
    app=${1:-}
    [[ $app == --global ]] || verify_app "$app"
    env_file "$app"
    file=$REPLY words=("${@:2}")
}

# rewrite TEXT: what the file holds from now on, one empty line at least. Emptied, then written, and nobody asks how that ended:
# so it is in the real one.
rewrite() {
    mkdir -p "${file%/*}"
    { echo "$1" >"$file"; } 2>/dev/null || true
    if [[ $restart == true && $app != --global ]] && is_deployed "$app"; then
        deploy "$app"
    fi
}

config:set() {
    local restart app file words pair kept=""
    read_arguments "$@"
    [[ ! -f $file ]] || kept=$(<"$file")
    for pair in "${words[@]}"; do
        [[ $pair == *=* ]] || fail "Invalid env pair: $pair"
        kept=$(grep -v "^${pair%%=*}=" <<<"$kept" || true)
        kept+=${kept:+$'\n'}${pair%%=*}=\"${pair#*=}\"
    done
    rewrite "$kept"
}

config:unset() {
    local restart app file words key kept=""
    read_arguments "$@"
    [[ ! -f $file ]] || kept=$(<"$file")
    for key in "${words[@]}"; do
        kept=$(grep -v "^$key=" <<<"$kept" || true)
    done
    rewrite "$kept"
}

config:get() {
    local restart app file words line
    read_arguments "$@"
    [[ -f $file ]] || return 1
    while IFS= read -r line; do
        [[ $line != "${words[0]:-}="* ]] || { line=${line#*=\"} && echo "${line%\"}" && return; }
    done <"$file"
    return 1
}
