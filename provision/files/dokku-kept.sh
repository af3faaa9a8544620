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

# bakery_put_back FOLDER WAS_FULL [PATH…]: of what was kept there, and of other paths that were not there then, what is lost
# is as it was before; prints the paths.
bakery_put_back() {
    local path paths=() lost=()
    while IFS= read -r -d '' path; do
        paths+=("${path#"$1"}")
    done < <(find "$1" -type f,l -print0 2>/dev/null)
    for path in "${@:3}"; do
        bakery_has "$1$path" || paths+=("$path")
    done
    for path in "${paths[@]}"; do
        ! bakery_is_lost "$1" "$path" "$2" || lost+=("$path")
    done
    for path in "${lost[@]}"; do
        bakery_put_back_one "$1$path" "$path" && echo "$path"
    done
}

bakery_has() { [[ -e $1 || -L $1 ]]; }

# bakery_put_back_one KEPT PATH: by a second name for the same blocks: a copy would need what a full disk does not have.
bakery_put_back_one() {
    if ! bakery_has "$1"; then
        rm -f -- "$2"
    else
        "${bakery_as[@]}" ln --force -- "$1" "$2" 2>/dev/null ||
            { "${bakery_as[@]}" cp --archive -- "$1" "$2~" && "${bakery_as[@]}" mv -- "$2~" "$2"; }
    fi
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
