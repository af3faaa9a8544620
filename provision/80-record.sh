#!/usr/bin/env bash
# The record: what the machine can be asked about itself, and what its own programs read.
# Needs: BAKERY_IMAGE BAKERY_BASE BAKERY_FINGERPRINT BAKERY_RELEASE BAKERY_SSH_KEYS
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# image_env: every setting but those of the bake itself.
image_env() {
    local name
    for name in $(compgen -v BAKERY_ | sort); do
        case $name in
            BAKERY_BUILD_USER | BAKERY_SETTINGS | BAKERY_RUN_DIR) ;;
            *) printf '%s="%s"\n' "$name" "${!name}" ;;
        esac
    done
}

# ssh_keys: the keys that the definition names, NAME<tab>login or -<tab>KEY, one a line, for bakery-firstboot.
ssh_keys() {
    local key name login kind blob
    for key in $BAKERY_SSH_KEYS; do
        IFS=: read -r name login kind blob <<<"$key"
        printf '%s\t%s\t%s %s\n' "$name" "$login" "$kind" "$blob"
    done
}

log "$BAKERY_IMAGE on $BAKERY_BASE, release $BAKERY_RELEASE, fingerprint $BAKERY_FINGERPRINT"
image_env | put /etc/bakery/image.env 0644
ssh_keys | put /etc/bakery/ssh-keys 0644
