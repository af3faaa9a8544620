# shellcheck shell=bash
# `dokku ps:…` (stand-in).
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/scheduler-docker-local/functions"

# restore_app APP: a dead vhost never points at someone else's container.
restore_app() {
    info "Clearing potentially invalid proxy configuration"
    clear_config "$1"
    property_get ps "$1" restore true
    if [[ $REPLY == false ]]; then
        warn "Skipping ps:restore for $1 as restore property is false"
    else
        info "Starting app"
        start "$1"
    fi
}

ps:restore() {
    local list app status=0
    # The number after --parallel changes how long it takes, and nothing else: here it is one after another.
    [[ ${1:-} != --parallel ]] || shift 2
    if [[ -n ${1:-} && $1 != --all ]]; then
        verify_app "$1"
        restore_app "$1"
        return
    fi
    all_apps list
    ((${#list[@]})) || warn "You haven't deployed any applications yet"
    clear_config "${list[@]}"
    # The real one starts processes by the thousand before the first app is back: 8 seconds with one app.
    ((${#list[@]} == 0)) || sleep 4
    for app in "${list[@]}"; do
        (restore_app "$app") || status=1
    done
    return "$status"
}

ps:start() {
    verify_app "${1:-}"
    start "$1"
}

ps:stop() {
    verify_app "${1:-}"
    info_quiet "Stopping $1"
    "$DOCKER_BIN" container stop "$1.web.1" >/dev/null
    property_set ps "$1" restore false
}

ps:restart() {
    verify_app "${1:-}"
    is_deployed "$1" || fail "App $1 has not been deployed"
    deploy "$1"
}

ps:rebuild() { ps:restart "$@"; }

ps:set() {
    [[ ${2:-} != restart-policy || -z ${3:-} || $3 =~ ^(no|always|unless-stopped|on-failure(:[0-9]+)?)$ ]] ||
        fail "Invalid restart-policy specified"
    if [[ ${1:-} == --global ]]; then
        [[ ${2:-} =~ ^(procfile-path|restart-policy|skip-deploy|stop-timeout-seconds)$ ]] || fail "Property cannot be specified globally"
    else
        verify_app "${1:-}"
    fi
    [[ -n ${2:-} ]] || fail "No property specified"
    [[ $2 =~ ^(dockerfile-start-cmd|procfile-path|restart-policy|restore|skip-deploy|start-cmd|stop-timeout-seconds)$ ]] ||
        fail "Invalid property specified, valid properties include: dockerfile-start-cmd, procfile-path, restart-policy, restore, skip-deploy, start-cmd, stop-timeout-seconds"
    property_set ps "$1" "$2" "${3:-}"
}

ps:retire() {
    local dead=$DOKKU_LIB_ROOT/data/scheduler-docker-local/dead-images
    info "Retiring old containers and images"
    [[ ! -f $dead ]] || sort -o "$dead" -r "$dead" # which empties it first
}

ps:report() {
    local app format deployed=false running=false
    report_arguments "$@"
    is_deployed "$app" && deployed=true
    is_running "$app.web.1" && running=true
    property_get ps "$app" restart-policy on-failure:10
    report ps "$app" "$format" deployed "$deployed" restart-policy "$REPLY" running "$running"
}
