# shellcheck shell=bash
# `dokku apps:…` (stand-in).
apps:create() {
    local app=${1:-}
    [[ -n $app ]] || fail "Please specify an app to run the command on"
    [[ $app =~ ^[a-z0-9][a-z0-9.-]*$ ]] ||
        fail "App name must begin with lowercase alphanumeric character, and may only contain lowercase alphanumerics, dots, and hyphens"
    [[ ! -d $DOKKU_ROOT/$app ]] || fail "Name is already taken"
    info_quiet "Creating $app..."
    mkdir -m 0755 "$DOKKU_ROOT/$app"
}

apps:exists() { verify_app "${1:-}"; }

apps:list() {
    local list
    all_apps list
    title_quiet "My Apps"
    if ((${#list[@]})); then
        printf '%s\n' "${list[@]}"
    else
        warn "You haven't deployed any applications yet"
    fi
}

apps:destroy() {
    local app answer
    [[ ${1:-} != --force ]] || { DOKKU_APPS_FORCE_DELETE=1 && shift; }
    app=${1:-}
    [[ ${2:-} != --force ]] || DOKKU_APPS_FORCE_DELETE=1
    verify_app "$app"
    if [[ ${DOKKU_APPS_FORCE_DELETE:-} != 1 ]]; then
        warn "To proceed, type \"$app\""
        read -r answer || true
        [[ $answer == "$app" ]] || fail "Confirmation did not match $app. Aborted."
    fi
    info "Destroying $app (including all add-ons)"
    "$DOCKER_BIN" container rm -f "$app.web.1" &>/dev/null || true
    "$DOCKER_BIN" image rm -f "dokku/$app:latest" &>/dev/null || true
    rm -rf "${DOKKU_ROOT:?}/$app" "$DOKKU_LIB_ROOT"/config/*/"$app" "$DOKKU_LIB_ROOT/config/$app"
    sudo /usr/bin/systemctl reload nginx
}
