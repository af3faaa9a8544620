# shellcheck shell=bash
# `dokku proxy:…` (stand-in).
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/proxy/functions"

proxy:build-config() {
    verify_app "${1:-}"
    build_config "$1"
}

proxy:clear-config() {
    local list
    if [[ ${1:-} == --all ]]; then
        all_apps list
        clear_config "${list[@]}"
    else
        verify_app "${1:-}"
        clear_config "$1"
    fi
}
