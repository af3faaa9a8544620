# shellcheck shell=bash
# `dokku domains:…` (stand-in): /home/dokku/VHOST for all apps, /home/dokku/APP/VHOST for one.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/proxy/functions"

verify_domains() {
    local domain
    for domain in "$@"; do
        [[ $domain == _ || ${domain,,} =~ ^[a-z0-9.*-]*[a-z0-9*-]$ ]] || fail "$domain is invalid. exiting..."
    done
}

# words_of FILE: puts what the file holds into REPLY, on one line.
words_of() {
    REPLY=""
    [[ ! -s $1 ]] || REPLY=$(tr -s '\n' ' ' <"$1")
    REPLY=${REPLY% }
}

domains:set-global() {
    verify_domains "$@"
    printf '%s\n' "$@" >"$DOKKU_ROOT/VHOST"
    info "Set $*"
}

domains:clear-global() { : >"$DOKKU_ROOT/VHOST"; }

domains:set() {
    verify_app "${1:-}"
    verify_domains "${@:2}"
    printf '%s\n' "${@:2}" >"$DOKKU_ROOT/$1/VHOST"
    info "Set ${*:2} for $1"
    build_config "$1"
}

domains:add() {
    local domain
    verify_app "${1:-}"
    verify_domains "${@:2}"
    for domain in "${@:2}"; do
        echo "$domain" >>"$DOKKU_ROOT/$1/VHOST"
        info "Added $domain to $1"
    done
    build_config "$1"
}

domains:report() {
    local app format all own is_global=false has_own=true
    report_arguments "$@"
    words_of "$DOKKU_ROOT/VHOST" && all=$REPLY
    [[ -z $all ]] || is_global=true
    if [[ $app == --global ]]; then
        report domains "$app" "$format" global-enabled "$is_global" global-vhosts "$all"
    else
        words_of "$DOKKU_ROOT/$app/VHOST" && own=$REPLY
        [[ -n $own || -n $all ]] || has_own=false
        report domains "$app" "$format" app-enabled "$has_own" app-vhosts "$own" \
            global-enabled "$is_global" global-vhosts "$all"
    fi
}
