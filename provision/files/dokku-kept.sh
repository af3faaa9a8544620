#!/usr/bin/env bash
# What dokku has written and how it is kept while a command rewrites it: source it with DOKKU_ROOT; it does nothing by itself.
# Needs: BAKERY_KEPT (set here)

source "${BASH_SOURCE[0]%/*}/dokku-room.sh"
bakery_as=() # whose the files are, also where root's own commands keep them: nothing may lie there that a guard cannot remove
[[ -O $DOKKU_ROOT ]] || bakery_as=(setpriv "--reuid=$(stat --format %u "$DOKKU_ROOT")" "--regid=$(stat --format %g "$DOKKU_ROOT")" --clear-groups)
bakery_store=$DOKKU_ROOT/.bakery # on the disk that it is for, so that what is kept goes back without a free block

# bakery_keep APP: copies its files and those of all apps (with '' of every app), to be put back when the command ends.
bakery_keep() {
    local name=${1:-*} path paths=() stat
    for path in "$DOKKU_ROOT"/{VHOST,.ssh/authorized_keys} "$DOKKU_ROOT"/$name/{VHOST,nginx.conf,tls/*,nginx.conf.d/*,CONTAINER.*,IP.*} \
        "$bakery_lib"/config/{--global,$name}/ENV "$bakery_lib"/config/*/{--global,$name}/*; do
        [[ ! -f $path || ! -s $path || ! -r $path ]] || paths+=("$path")
    done
    read -ra stat </proc/$$/stat
    BAKERY_KEPT=$bakery_store/kept/$$.${stat[21]} # no other process began in that moment under that number
    if ! bakery_copy "${paths[@]}" 2>/dev/null; then
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

# bakery_is_torn KEPT PATH WAS_FULL: nothing is in it any more, or it ends with a block where the disk had no more of them.
bakery_is_torn() {
    local size before
    [[ -f $2 ]] || return 1 # what was removed was meant to be
    # In a trap a mere `return` has another code than one thinks: that from before the trap.
    if [[ ! -s $2 ]]; then
        [[ $3 == yes || $2 == */nginx.conf || $2 == */tls/* ]] || return 1
    else
        [[ $3 == yes ]] || return 1
        read -r size before < <(stat --printf '%s ' -- "$2" "$1")
        ((size % 4096 == 0 && size != before)) || return 1
    fi
}

# bakery_put_back FOLDER [WAS_FULL]: what was kept there goes where it was torn; prints the paths.
bakery_put_back() {
    local kept path full=${2:-no}
    [[ $full == yes ]] || ! bakery_was_full "$1" || full=yes
    while IFS= read -r -d '' kept; do
        path=${kept#"$1"}
        bakery_is_torn "$kept" "$path" "$full" || continue
        # A second name for the same blocks: a copy would need what a full disk does not have.
        "${bakery_as[@]}" ln --force -- "$kept" "$path" 2>/dev/null ||
            { "${bakery_as[@]}" cp --archive -- "$kept" "$path~" && "${bakery_as[@]}" mv -- "$path~" "$path"; } || continue
        echo "$path"
    done < <(find "$1" -type f -print0 2>/dev/null)
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
