# shellcheck shell=bash
# `dokku ports:…` (stand-in).
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/proxy/functions"

ports:set() {
    local map
    verify_app "${1:-}"
    (($# > 1)) || fail "No port mappings specified"
    for map in "${@:2}"; do
        [[ $map =~ ^(http|https):[0-9]+:[0-9]+$ ]] || fail "Invalid port mapping: $map"
    done
    property_list_set ports "$1" map "${*:2}"
    build_config "$1"
}

ports:report() {
    local app format maps detected
    report_arguments "$@"
    property_get ports "$app" map && maps=$REPLY
    property_get ports "$app" map-detected http:80:5000 && detected=$REPLY
    report ports "$app" "$format" map "$maps" map-detected "$detected"
}
