# shellcheck shell=bash
# `dokku nginx:…` (stand-in); the vhosts themselves are the proxy's.
nginx:reload() {
    nginx:validate-config || exit
    sudo /usr/bin/systemctl reload nginx
}

# It says what is wrong only the second time, as the real one does.
nginx:validate-config() {
    local nginx_bin
    nginx_bin=$(command -v nginx) || exit 1
    sudo "$nginx_bin" -t &>/dev/null || sudo "$nginx_bin" -t
}

nginx:set() {
    [[ ${1:-} == --global ]] || verify_app "${1:-}"
    [[ -n ${2:-} ]] || fail "No property specified"
    property_set nginx "$1" "$2" "${3:-}"
}
