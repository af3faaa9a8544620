#!/usr/bin/env bash
# Whether a file of dokku's came out torn, because a disk was full while it was written: source it; it does nothing by itself.
# Needs: nothing

# bakery_is_lost FOLDER PATH WAS_FULL: it is torn, or beside a certificate or key that is: the one is no use without the other.
bakery_is_lost() {
    local path paths=("$2")
    [[ $2 != */tls/* ]] || paths+=("${2%/*}"/*)
    for path in "${paths[@]}"; do
        if bakery_is_torn "$1$path" "$path" "$3"; then
            return 0
        fi
    done
    return 1
}

# bakery_is_torn KEPT PATH WAS_FULL: it was written since it was kept, and nothing is in it or it ends where the blocks did.
bakery_is_torn() {
    local size before
    [[ -f $2 ]] || return 1 # what was removed was meant to be
    # In a trap a mere `return` has another code than one thinks: that from before the trap.
    if [[ ! -s $2 ]]; then
        [[ -s $1 || ! -e $1 || $2 -nt $1 ]] || return 1
        [[ $3 == yes ]] || bakery_stays_empty "$2" || return 1
    else
        [[ $3 == yes && -s $1 ]] || return 1
        read -r size before < <(stat --printf '%s ' -- "$2" "$1")
        ((size % 4096 == 0 && size != before)) || return 1
    fi
}

# bakery_stays_empty PATH: though the command would not have left it so; a disk was full then that no longer is.
bakery_stays_empty() {
    # A command beside this one may be between emptying and writing it.
    bakery_never_empties "$1" && sleep 0.5 && [[ ! -s $1 ]]
}

# bakery_never_empties PATH: the command, if it writes it at all, leaves something in it.
bakery_never_empties() {
    # shellcheck disable=SC2154  # it is what dokku-words.sh says
    case $1 in
        */nginx.conf | */tls/*) true ;;
        */ENV) true ;;                        # without variables it has an empty line
        */scale.old | */rev-env-var) false ;; # what is no longer scaled, what an empty value switches off
        */VHOST) [[ $bakery_command == domains:@(set|add)* ]] ;;
        */config/"${bakery_command%%:*}"/*) bakery_fills ;; # its own plugin's; deploys empty some of others on purpose
        *) false ;;
    esac
}
