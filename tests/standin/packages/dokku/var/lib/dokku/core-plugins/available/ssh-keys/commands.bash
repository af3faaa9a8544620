# shellcheck shell=bash
# `dokku ssh-keys:…` (stand-in), with the traps of the real one: only a FIFO counts as a pipe, and only one line is read.
authorized_keys=$DOKKU_ROOT/.ssh/authorized_keys

verify_keys() {
    local key line=0
    [[ -s $authorized_keys ]] || fail "No public keys found."
    while read -r key; do
        line=$((line + 1))
        [[ -n $key ]] || continue
        ssh-keygen -lf - <<<"$key" &>/dev/null || fail "$authorized_keys line $line failed ssh-keygen check."
    done <"$authorized_keys"
}

ssh-keys:add() {
    local name=${1:-} file=${2:-} key lines
    if [[ -z $file ]]; then
        [[ -p /dev/stdin ]] || fail "No key specified via file or pipe"
        # A missing newline at the end makes read fail, and so the command: without a word.
        read -r key
        key_file=$(mktemp)
        trap 'rm -f "$key_file"' EXIT
        echo "$key" >"$key_file"
        file=$key_file
    fi
    [[ -s $file ]] || fail "Empty key was specified"
    lines=$(wc -l <"$file")
    ((lines < 2)) || fail "Too many keys provided, set one per invocation of dokku ssh-keys:add <NAME> <KEY_FILE>"
    ssh-keygen -lf "$file" &>/dev/null || fail "Key specified in is not a valid ssh public key"
    touch "$authorized_keys"
    sshcommand acl-add dokku "$name" "$file" || fail "sshcommand returned an error: $?"
    verify_keys
}

ssh-keys:list() {
    local format=text name=${1:-}
    [[ $name != --format ]] || { format=${2:-} name=${3:-}; }
    case $format in
        text) sshcommand list dokku "$name" ;;
        json)
            if [[ -n $name ]]; then
                sshcommand list dokku "" json | jq -cM --arg name "$name" '[.[] | select(.name == $name)]'
            else
                sshcommand list dokku "" json
            fi
            ;;
        *) fail "Invalid output format specified, supported formats: json, text" ;;
    esac
}

ssh-keys:remove() {
    verify_keys
    [[ -n ${1:-} ]] || fail "A name is required to remove a key, ie: dokku ssh-keys:remove <name>"
    if [[ $1 == --fingerprint ]]; then
        [[ -n ${2:-} ]] || fail "A fingerprint is required to remove a key, ie: dokku ssh-keys:remove --fingerprint FINGERPRINT"
        sshcommand acl-remove-by-fingerprint dokku "$2" || fail "sshcommand returned an error $?"
    else
        sshcommand acl-remove dokku "$1" || fail "sshcommand returned an error $?"
    fi
}
