#!/usr/bin/env bash
# dokku's plugins: each at its commit, asked of dokku itself afterwards; their images are pulled when an app needs them.
# Needs: BAKERY_PLUGINS
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# is_pinned NAME COMMIT: enabled, and at that commit both by dokku's word and by git's.
is_pinned() {
    dokku plugin:list --format json |
        jq --exit-status --arg name "$1" --arg commit "$2" \
            'any(.[]; .name == $name and .enabled == true and .committish == $commit)' >/dev/null || return 1
    # git answers the owner of a repository alone.
    local folder=/var/lib/dokku/plugins/available/$1
    [[ $(runuser -u "$(stat -c %U "$folder/.git")" -- git -C "$folder" rev-parse HEAD) == "$2" ]]
}

read -ra plugins <<<"$BAKERY_PLUGINS"
export GIT_TERMINAL_PROMPT=0 # an address that wants a password is a wrong address

for plugin in "${plugins[@]}"; do
    IFS='|' read -r name url commit pull <<<"$plugin"
    is_pinned "$name" "$commit" && continue
    pulls=()
    prefix=${name//-/_}
    [[ $pull == pull ]] || pulls=("${prefix^^}_DISABLE_PULL=true")
    if dokku plugin:installed "$name"; then
        log "$name to $commit"
        env "${pulls[@]}" dokku plugin:update "$name" "$commit"
    else
        log "$name at $commit from $url"
        env "${pulls[@]}" dokku plugin:install "$url" --committish "$commit" --name "$name"
    fi
    # A checkout that fails leaves the plugin enabled at whatever is newest.
    is_pinned "$name" "$commit" || die "plugin $name is not at $commit"
done
