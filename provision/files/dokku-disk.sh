#!/usr/bin/env bash
# What `dokku` sources before it reads or writes anything: on a full disk what would be lost half written is not begun.
# Needs: BAKERY_KEPT (where a command above this one has kept what is there) BAKERY_IS_GUARD (the guard runs it)

# It is part of dokku's own shell: names of its own, no option changed, and where it does not work dokku goes on without it.

# bakery_begin: with a full disk the guard comes first, and when that did not help the command ends here.
bakery_begin() {
    ! bakery_only_reads "$bakery_command" || return 0
    if bakery_is_full; then
        [[ -n ${BAKERY_IS_GUARD:-} ]] || timeout 300 sudo -n /usr/bin/systemctl start bakery-disk-guard.service &>/dev/null || true
        bakery_frees "$bakery_command" || ! bakery_is_full || bakery_refuse
    fi
    if ! bakery_frees "$bakery_command" && [[ -z ${BAKERY_KEPT:-} ]]; then
        trap bakery_end EXIT
        # Another reason than a full disk why nothing can be kept is none to refuse anything.
        bakery_keep "${bakery_whose[@]}" || ! bakery_is_full || bakery_refuse
    fi
}

bakery_refuse() {
    echo " !     The disk is full ($bakery_full), so \`$bakery_command\` was not begun and nothing is changed. $bakery_advice" >&2
    bakery_want_rebuild "${bakery_apps[@]}"
    exit 75
}

# bakery_end: how a command ends that may write; what it lost is there again, and it has failed.
bakery_end() {
    local code=$? lost="" full=no
    trap - EXIT
    # Where dokku leaves the private key that certs:add was given, and the archive with it that it could not unpack.
    rm -rf "/tmp/dokku-${DOKKU_PID:-$$}"-{cmd-certs-set,archive}.*
    if [[ -n ${BAKERY_KEPT:-} ]]; then
        ! bakery_was_full "$BAKERY_KEPT" || full=yes
        bakery_find "${bakery_whose[@]}"
        lost=$(bakery_put_back "$BAKERY_KEPT" "$full" "${bakery_paths[@]}")
        "${bakery_as[@]}" rm -rf "$BAKERY_KEPT"
    fi
    [[ -n $lost ]] || exit "$code"
    bakery_want_rebuild "${bakery_apps[@]}"
    [[ $lost != */nginx.conf* ]] || sudo -n /usr/bin/systemctl reload nginx >/dev/null 2>&1 || true
    echo " !     The disk became full, so \`$bakery_command\` is not done. As they were before: ${lost//$'\n'/, }" >&2
    exit 75
}

# What comes over SSH is started once more with its own words, and root's commands as the user dokku, but for a few.
if [[ -z ${SSH_ORIGINAL_COMMAND:-} && -r /usr/local/lib/bakery/dokku-back.sh ]]; then
    # shellcheck source=dokku-words.sh
    source /usr/local/lib/bakery/dokku-words.sh
    # shellcheck source=dokku-back.sh
    source /usr/local/lib/bakery/dokku-back.sh
    bakery_command_of "$@"
    if [[ -O $DOKKU_ROOT || ($EUID == 0 && $bakery_command =~ ^(plugin:|ssh-keys:(add|remove)$|scheduler-k3s:(initialize|uninstall)$)) ]]; then
        bakery_begin
    fi
fi
