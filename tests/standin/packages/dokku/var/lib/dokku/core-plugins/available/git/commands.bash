# shellcheck shell=bash
# What git brings (stand-in): images that are here already, and pushes of a Dockerfile; no buildpacks.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/scheduler-docker-local/functions"

git:from-image() {
    local app=${1:-} image=${2:-}
    verify_app "$app"
    [[ -n $image ]] || fail "Please specify a docker image"
    info "Generating build context"
    if [[ -n $("$DOCKER_BIN" image ls -q "$image" 2>/dev/null) ]]; then
        info "Image exists on host, skipping pull"
    else
        info "Pulling image"
        "$DOCKER_BIN" image pull "$image" || fail "Failed to pull image: $image"
    fi
    "$DOCKER_BIN" image tag "$image" "dokku/$app:latest"
    property_set git "$app" source-image "$image"
    release "$app"
}

# git-receive-pack APP: what `git push` calls. The app's folder is the repository, whose hook builds before it accepts.
git-receive-pack() {
    local app=${1#/} hook=$DOKKU_ROOT/${1#/}/hooks/pre-receive
    verify_app "$app"
    [[ -d $DOKKU_ROOT/$app/refs ]] || git init --quiet --bare "$DOKKU_ROOT/$app"
    printf '#!/usr/bin/env bash\nset -e -o pipefail\ncat | DOKKU_ROOT=%q dokku git-hook %q\n' "$DOKKU_ROOT" "$app" >"$hook"
    chmod +x "$hook"
    git-shell -c "git-receive-pack '$DOKKU_ROOT/$app'"
}

git-hook() {
    local app=$1 new ref folder
    while read -r _ new ref; do
        [[ $ref == refs/heads/master || $ref == refs/heads/main ]] || continue
        folder=$(mktemp -d)
        git -C "$DOKKU_ROOT/$app" archive "$new" | tar -x -C "$folder"
        [[ -f $folder/Dockerfile ]] || fail "No Dockerfile found in source code directory"
        info "Building $app from Dockerfile"
        "$DOCKER_BIN" image build --label dokku --label "com.dokku.app-name=$app" --tag "dokku/$app:latest" "$folder" ||
            fail "App build failed"
        rm -rf "$folder"
        release "$app"
    done
}

# release APP: a port that its image exposes becomes the outside's port, too: 5000 stays 5000 and does not become 80.
release() {
    local exposed maps="" port
    # shellcheck disable=SC2016 # these are docker's variables
    exposed=$("$DOCKER_BIN" image inspect -f '{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}' "dokku/$1:latest")
    for port in $exposed; do
        maps+="${maps:+ }http:${port%/*}:${port%/*}"
    done
    property_list_set ports "$1" map-detected "$maps"
    deploy "$1"
}
