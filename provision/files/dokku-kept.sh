#!/usr/bin/env bash
# What dokku has written and how it is kept while a command rewrites it: source it with DOKKU_ROOT; it does nothing by itself.
# Needs: BAKERY_KEPT (set here)

source "${BASH_SOURCE[0]%/*}/dokku-room.sh"
source "${BASH_SOURCE[0]%/*}/dokku-torn.sh"
bakery_as=() # whose the files are, also where root's own commands keep them: nothing may lie there that a guard cannot remove
[[ -O $DOKKU_ROOT ]] || bakery_as=(setpriv "--reuid=$(stat --format %u "$DOKKU_ROOT")" "--regid=$(stat --format %g "$DOKKU_ROOT")" --clear-groups)
bakery_store=$DOKKU_ROOT/.bakery # on the disk that it is for, so that what is kept goes back without a free block

# bakery_find APP: fills bakery_paths with what dokku has written of it and of all apps (with '' of every app).
bakery_find() {
    local name=${1:-*} path
    bakery_paths=()
    for path in "$DOKKU_ROOT"/{VHOST,.ssh/authorized_keys} "$DOKKU_ROOT"/$name/{VHOST,nginx.conf,tls/*,nginx.conf.d/*,CONTAINER.*,IP.*} \
        "$bakery_lib"/config/{--global,$name}/ENV "$bakery_lib"/config/*/{--global,$name}/*; do
        [[ ! -f $path || ! -r $path ]] || bakery_paths+=("$path")
    done
}

# bakery_keep APP: copies all that, to be put back when the command ends.
bakery_keep() {
    local stat
    bakery_find "$1"
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

# bakery_put_back FOLDER WAS_FULL: what was kept there goes where it was torn; prints the paths.
bakery_put_back() {
    local kept path
    while IFS= read -r -d '' kept; do
        path=${kept#"$1"}
        bakery_is_torn "$kept" "$path" "$2" || continue
        # A second name for the same blocks: a copy would need what a full disk does not have.
        "${bakery_as[@]}" ln --force -- "$kept" "$path" 2>/dev/null ||
            { "${bakery_as[@]}" cp --archive -- "$kept" "$path~" && "${bakery_as[@]}" mv -- "$path~" "$path"; } || continue
        echo "$path"
    done < <(find "$1" -type f,l -print0 2>/dev/null)
}

# bakery_remove_torn FOLDER WAS_FULL APP: what is not kept there was not there before; torn, it goes; prints the paths.
bakery_remove_torn() {
    local path
    bakery_find "$3"
    for path in "${bakery_paths[@]}"; do
        if [[ ! -e $1$path && ! -L $1$path ]] && bakery_is_torn "$1$path" "$path" "$2"; then
            rm -f -- "$path" && echo "$path"
        fi
    done
}

# bakery_want_rebuild APP: its vhost is to be written anew as soon as there is room.
bakery_want_rebuild() {
    { "${bakery_as[@]}" mkdir -p "$bakery_store/rebuild" && "${bakery_as[@]}" touch "$bakery_store/rebuild/$1"; } 2>/dev/null || true
}

# bakery_put_back_left: the same for commands that were killed.
bakery_put_back_left() {
    local folder name stat
    for folder in "$bakery_store"/kept/*; do
        name=${folder##*/}
        stat=()
        { read -ra stat <"/proc/${name%.*}/stat"; } 2>/dev/null || true
        [[ -d $folder && ${stat[21]:-} != "${name#*.}" ]] || continue
        bakery_put_back "$folder" yes
        rm -rf "$folder" || true
    done
}
