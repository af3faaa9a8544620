# shellcheck shell=bash
# `dokku checks:…` (stand-in). How long a new container is watched cannot be set; only switched off.
checks:set() {
    [[ ${1:-} == --global ]] || verify_app "${1:-}"
    [[ -n ${2:-} ]] || fail "No key specified"
    [[ $2 == wait-to-retire ]] || fail "Invalid key specified, valid keys include: wait-to-retire"
    property_set checks "$1" "$2" "${3:-}"
}

checks:disable() {
    verify_app "${1:-}"
    info "Disabling zero downtime for app's process types ($1)"
    property_set checks "$1" disabled "${2:-_all_}"
}

checks:enable() {
    verify_app "${1:-}"
    property_set checks "$1" disabled
}
