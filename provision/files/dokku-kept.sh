#!/usr/bin/env bash
# What dokku has written and how it is kept while a command rewrites it: source it with DOKKU_ROOT; it does nothing by itself.
# Needs: BAKERY_KEPT (set here)

source "${BASH_SOURCE[0]%/*}/dokku-room.sh"
bakery_as=() # whose the files are, also where root's own commands keep them: nothing may lie there that a guard cannot remove
[[ -O $DOKKU_ROOT ]] || bakery_as=(setpriv "--reuid=$(stat --format %u "$DOKKU_ROOT")" "--regid=$(stat --format %g "$DOKKU_ROOT")" --clear-groups)
bakery_store=$DOKKU_ROOT/.bakery # on the disk that it is for, so that what is kept goes back without a free block

# bakery_find NAME…: fills bakery_paths with what dokku has written of these apps, with '*' of every app, and of all together.
# What is on volumes and what plugins' services keep is not dokku's, and may be any number of gigabytes.
bakery_find() {
    local name path home=$DOKKU_ROOT data=$bakery_lib/data
    local paths=("$home"/{VHOST,.netrc,.ssh/authorized_keys} "$data"/scheduler-docker-local/dead-*)
    for name in "$@"; do
        # shellcheck disable=SC2206  # a name may be a pattern, and has no spaces
        paths+=(
            "$home"/$name/{VHOST,nginx.conf,tls/*,nginx.conf.d/*,CONTAINER.*,IP.*,PORT.*}
            "$bakery_lib"/config/$name/ENV "$bakery_lib"/config/*/$name/*
            "$data"/{nginx-vhosts/app-$name/nginx.conf.sigil,ps/$name/Procfile,app-json/$name/app.json}
        )
    done
    bakery_paths=()
    for path in "${paths[@]}"; do
        [[ ! -f $path || ! -r $path ]] || bakery_paths+=("$path")
    done
}

# bakery_keep NAME…: copies all that, to be put back when the command ends.
bakery_keep() {
    local stat
    bakery_find "$@"
    read -ra stat </proc/$$/stat
    BAKERY_KEPT=$bakery_store/kept/$$.${stat[21]} # no other process began in that moment under that number
    if ! bakery_copy "${bakery_paths[@]}" 2>/dev/null; then
        "${bakery_as[@]}" rm -rf "$BAKERY_KEPT"
        unset BAKERY_KEPT
        return 1
    fi
    export BAKERY_KEPT
}

# bakery_copy PATH…: to below $BAKERY_KEPT.
bakery_copy() {
    "${bakery_as[@]}" mkdir -p "$BAKERY_KEPT" && "${bakery_as[@]}" chmod 0700 "$bakery_store" || return 1
    (($# == 0)) || (cd / && "${bakery_as[@]}" cp --archive --parents -- "${@#/}" "$BAKERY_KEPT")
}
