#!/usr/bin/env bash
# Whether dokku has room to write: source it with DOKKU_ROOT; it does nothing by itself.
# Needs: nothing

bakery_floor_mb=64 # what one command writes beside images, many times over
bakery_floor_inodes=1000
bakery_lib=${DOKKU_LIB_PATH:-/var/lib/dokku}

# bakery_is_full: there is less than the floor for the user dokku where dokku writes; sets bakery_full, what there is, and
# bakery_advice, what makes room.
# shellcheck disable=SC2034  # who refuses says both
bakery_is_full() {
    local free inodes where row=0
    bakery_advice="\`dokku cleanup\` and \`dokku apps:destroy\` make room"
    while read -r free inodes where; do
        # The last of them: temporary files are no app's.
        ((++row < 4)) || bakery_advice="Something has to be removed there"
        [[ $free =~ ^[0-9]+M$ ]] || continue # what a disk does not tell is no limit
        bakery_full="$where has ${free%M} MB left"
        ((${free%M} >= bakery_floor_mb)) || return 0
        [[ $inodes =~ ^[0-9]+$ ]] || continue
        bakery_full="$where has $inodes inodes left"
        ((inodes >= bakery_floor_inodes)) || return 0
    done < <(df --block-size=M --output=avail,iavail,target -- "$DOKKU_ROOT" "$bakery_lib" "${TMPDIR:-/tmp}" 2>/dev/null)
    return 1
}

# bakery_was_full FOLDER: now, or since that was kept.
bakery_was_full() { bakery_is_full || [[ /run/bakery/disk-full -nt $1 ]]; }
