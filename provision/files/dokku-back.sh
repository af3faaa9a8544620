#!/usr/bin/env bash
# How what dokku lost comes back, from what was kept: source it with DOKKU_ROOT; it does nothing by itself.
# Needs: nothing

source "${BASH_SOURCE[0]%/*}/dokku-kept.sh"
source "${BASH_SOURCE[0]%/*}/dokku-torn.sh"

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

# bakery_want_rebuild APP…: their vhosts are to be written anew as soon as there is room.
bakery_want_rebuild() {
    (($#)) || return 0
    { "${bakery_as[@]}" mkdir -p "$bakery_store/rebuild" && "${bakery_as[@]}" touch "${@/#/"$bakery_store/rebuild/"}"; } 2>/dev/null || true
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
