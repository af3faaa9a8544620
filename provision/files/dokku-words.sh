#!/usr/bin/env bash
# What is known of a command of dokku's by its words: source it with DOKKU_ROOT; it does nothing by itself.
# Needs: nothing

# bakery_command_of WORD…: sets bakery_command, its bakery_flags, bakery_rest, all other words, bakery_apps, those that are
# named, and bakery_whose, whose files it may rewrite.
bakery_command_of() {
    local word before=""
    bakery_command="" bakery_flags=() bakery_rest=() bakery_apps=()
    for word in "$@"; do
        word=${word//\'/} # git puts an app's name between quotes
        if [[ -z $bakery_command && $before != --app && ($word != -* || $word == --version) ]]; then
            bakery_command=$word
        elif [[ $word == -* && $word != --global ]]; then
            [[ -z $bakery_command ]] || bakery_flags+=("$word")
        elif [[ -n $word ]]; then
            bakery_rest+=("$word")
            [[ ! $word =~ ^[a-z0-9][a-z0-9.-]*$ || ! -d $DOKKU_ROOT/$word ]] || bakery_apps+=("$word")
        fi
        before=$word
    done
    # What comes every five minutes does not keep all of every app.
    bakery_whose=(--global "${bakery_apps[@]}")
    # shellcheck disable=SC2034  # who keeps asks for it
    ((${#bakery_apps[@]})) || [[ $bakery_command == ps:retire ]] || bakery_whose=('*')
}

# bakery_only_reads COMMAND: it changes nothing that it could lose.
bakery_only_reads() {
    case $1 in
        '' | help | version | -v | --version | report | ls | url | urls | logs | enter | shell) true ;;
        config | config:get | config:keys | config:bundle | git-upload-pack | git-upload-archive | git:public-key) true ;;
        ps:scale | resource:limit | resource:reserve) ((${#bakery_rest[@]} < 2 && ${#bakery_flags[@]} == 0)) ;;
        nginx:validate-config) [[ " ${bakery_flags[*]} " != *" --clean "* ]] ;;
        git:status | letsencrypt:active | letsencrypt:ls | *:links | *:linked | *:app-links) true ;;
        plugin:installed | apps:locked | git:auth-status | logs:failed | builds:output | events | nginx:reload) true ;;
        *:help | *:report | *:list | *:list-entries | *:info | *:show | *:show-* | *:exists | *:inspect | *:logs | *:*-logs | *:export) true ;;
        *) false ;;
    esac
}

# bakery_frees COMMAND: it makes room, so it begins without any, and rewrites no file that anybody needs.
bakery_frees() {
    case $1 in
        cleanup | *:destroy | builds:cancel | run:stop | run:retire | repo:purge-cache) true ;;
        builds:prune | letsencrypt:cleanup | ssh-keys:remove) true ;;
        *) false ;;
    esac
}

# bakery_fills: nothing that the command writes of its plugin's properties is empty afterwards.
bakery_fills() {
    case $bakery_command in
        ports:set | ports:add | buildpacks:set | buildpacks:add | docker-options:add | storage:mount) true ;;
        checks:disable | checks:skip | proxy:disable | ps:scale | ps:stop | resource:limit | resource:reserve) true ;;
        *:set) ((${#bakery_rest[@]} > 2)) ;; # of an app, a name and a value; without the last it takes away
        *) false ;;
    esac
}
