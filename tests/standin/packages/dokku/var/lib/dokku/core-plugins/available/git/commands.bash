# shellcheck shell=bash
# `dokku git:from-image` (stand-in): deploys an image that is here already, without pulling it.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/scheduler-docker-local/functions"

git:from-image() {
    local app=${1:-} image=${2:-} exposed maps="" port
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
    # A port that the image exposes becomes the outside's port, too: 5000 stays 5000 and does not become 80.
    # shellcheck disable=SC2016 # these are docker's variables
    exposed=$("$DOCKER_BIN" image inspect -f '{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}' "$image")
    for port in $exposed; do
        maps+="${maps:+ }http:${port%/*}:${port%/*}"
    done
    property_set ports "$app" map-detected "$maps"
    property_set git "$app" source-image "$image"
    deploy "$app"
}
