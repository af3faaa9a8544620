# shellcheck shell=bash
# `dokku cleanup` and `dokku help` (stand-in).

# cleanup [APP]: what docker refuses goes unnoticed; build cache, volumes and tagged images of all apps stay.
cleanup() {
    local containers images filter=(--filter label=dokku)
    [[ -z ${1:-} ]] || filter+=(--filter "label=com.dokku.app-name=$1")
    property_get builder --global skip-cleanup
    # The real one means to clean up in any case, but loses the argument that says so on the way.
    if [[ $REPLY == true || ${DOKKU_SKIP_CLEANUP:-} == true ]]; then
        info "DOKKU_SKIP_CLEANUP set. Skipping dokku cleanup"
        return
    fi
    info "Cleaning up..."
    readarray -t containers < <("$DOCKER_BIN" container ls -aq "${filter[@]}" --filter status=exited --filter status=dead)
    ((${#containers[@]} == 0)) || "$DOCKER_BIN" container rm "${containers[@]}" &>/dev/null || true
    readarray -t images < <("$DOCKER_BIN" image ls -q --filter dangling=true)
    ((${#images[@]} == 0)) || "$DOCKER_BIN" image rm "${images[@]}" &>/dev/null || true
}

help() { echo "Usage: dokku [--quiet|--force] COMMAND <app> [options] (stand-in)"; }
