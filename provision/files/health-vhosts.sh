#!/usr/bin/env bash
# Which apps nginx does not know as it should: source it and call vhosts_state; it does nothing by itself.
# Needs: nothing

# vhosts_state RESTORE: "done", or "problems: APP…" for apps whose vhost is empty, and for deployed ones that have none.
vhosts_state() {
    local app wrong=""
    if [[ $1 == waiting ]]; then # until then dokku itself has taken them away
        echo waiting
        return
    fi
    for app in /home/dokku/*/; do
        app=${app%/} app=${app##*/}
        [[ $app == '*' ]] || has_its_vhost "$app" || wrong+=" $app"
    done
    echo "${wrong:+problems:}${wrong:-done}"
}

has_its_vhost() {
    local conf=/home/dokku/$1/nginx.conf
    [[ ! -f $conf ]] || {
        [[ -s $conf ]]
        return
    }
    # Without one: not deployed, stopped by its owner, nobody's choice but its owner's, or another proxy's.
    compgen -G "/home/dokku/$1/CONTAINER.web.*" >/dev/null || return 0
    property ps "$1" restore && [[ $REPLY == false ]] && return
    property proxy "$1" disabled && [[ $REPLY == true ]] && return
    { property proxy "$1" type || property proxy --global type; } && [[ $REPLY =~ ^[^n] ]]
}

# property PLUGIN APP NAME: puts what dokku is told of the app into REPLY; fails where it is told nothing.
property() { { read -r REPLY || [[ -n $REPLY ]]; } 2>/dev/null <"/var/lib/dokku/config/$1/$2/$3"; }
