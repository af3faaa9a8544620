#!/usr/bin/env bash
# What the disk guard does for dokku: source it; it does nothing by itself.
# Needs: nothing

DOKKU_ROOT=/home/dokku
source "${BASH_SOURCE[0]%/*}/dokku-back.sh"
source "${BASH_SOURCE[0]%/*}/health-vhosts.sh"

# as_dokku COMMAND…: as that user, without waiting for this guard, and with a temporary folder that it may write to.
as_dokku() {
    setpriv --reuid=dokku --regid=dokku --init-groups \
        env -u TMPDIR HOME="$DOKKU_ROOT" DOKKU_ROOT="$DOKKU_ROOT" BAKERY_IS_GUARD=1 "$@"
}

# note_full_disk: commands that are under way learn by it that the disk was full, also when it no longer is at their end.
note_full_disk() { ! bakery_is_full || touch /run/bakery/disk-full; }

# torn_vhosts: the apps whose vhost is empty or could not be written, and those that run without one.
torn_vhosts() {
    local path app
    {
        for path in "$bakery_store"/rebuild/*; do
            [[ ! -f $path ]] || echo "${path##*/}"
        done
        for path in "$DOKKU_ROOT"/*/; do
            app=${path%/} app=${app##*/}
            if [[ -d $path ]] && ! has_its_vhost "$app" && { [[ -e ${path}nginx.conf ]] || runs "$app"; }; then
                echo "$app"
            fi
        done
    } | sort -u
}

# runs APP: each process that visitors are led to does, else dokku would write an address that may be another app's by now.
runs() {
    local file id=""
    [[ -e /run/bakery-restore/ended ]] || return 1 # what comes back is not told from what is lost before
    for file in "$DOKKU_ROOT/$1"/CONTAINER.web.*; do
        read -r id <"$file" || [[ -n $id ]] || return 1
        [[ $(timeout 30 docker inspect --format '{{.State.Running}}' "$id" 2>/dev/null) == true ]] || return 1
    done
}

# repair_dokku: as soon as there is room, what commands lost comes back, and vhosts are written that could not be.
repair_dokku() {
    local app lost apps
    ! bakery_is_full || return 0
    # shellcheck disable=SC2016  # it is for the other shell
    lost=$(as_dokku bash -c 'source "$1" && bakery_put_back_left' - "${BASH_SOURCE[0]%/*}/dokku-back.sh") ||
        echo "<3>not all can be put back that is in $bakery_store/kept"
    [[ -z $lost ]] || echo "<4>put back as before: ${lost//$'\n'/, }"
    apps=$(torn_vhosts)
    for app in $apps; do
        if [[ ! -d $DOKKU_ROOT/$app ]] || as_dokku dokku --quiet proxy:build-config "$app" </dev/null >/dev/null; then
            rm -f "$bakery_store/rebuild/$app"
            echo "<4>wrote the vhost of $app anew"
        else
            echo "<3>the vhost of $app cannot be written: dokku proxy:build-config $app"
        fi
    done
    # What was to be started then is started now; what runs where nginx looks for it is left alone.
    [[ -z $apps ]] || systemctl --no-block start dokku-redeploy.service
}
