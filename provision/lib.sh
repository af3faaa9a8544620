#!/usr/bin/env bash
# Functions that the steps share: source it after `set -euo pipefail`; it does nothing by itself.
# Needs: RETRY_PAUSE_S (default 5)

files=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/files
changes=0 # how many files put has written so far

log() { echo "  $*"; }

die() {
    echo "error: $*" >&2
    exit 1
}

# put PATH MODE: makes PATH hold exactly what stdin says, touching it only when it differs.
put() {
    local path=$1 mode=$2 temp
    temp=$(mktemp) # elsewhere: a folder where nothing changes must not change either
    cat >"$temp"
    if ! cmp -s "$temp" "$path" || [[ 0$(stat -c %a "$path") != "$mode" ]]; then
        install -D --mode="$mode" "$temp" "$path.new"
        mv "$path.new" "$path"
        changes=$((changes + 1))
        log "wrote $path"
    fi
    rm "$temp"
}

# put_file NAME PATH MODE: the same for a file of provision/files.
put_file() { put "$2" "$3" <"$files/$1"; }

# enable UNIT…: starts them at every boot from now on; starts and reloads nothing now (a reload costs 4 s in TCG).
enable() {
    local unit missing=()
    for unit in "$@"; do
        systemctl is-enabled --quiet "$unit" 2>/dev/null || missing+=("$unit")
    done
    ((${#missing[@]})) || return 0
    systemctl --no-reload --quiet enable "${missing[@]}"
    log "enabled ${missing[*]}"
}

# retry TIMES COMMAND…: until it succeeds; keeps the last exit code.
retry() {
    local times=$1 code=0 i
    shift
    for ((i = 1; i <= times; i++)); do
        code=0
        "$@" || code=$?
        ((code == 0)) && return 0
        ((i < times)) && sleep "${RETRY_PAUSE_S:-5}"
    done
    return "$code"
}

# discard_deleted: takes what was deleted off the disk and out of the root file system's journal, by EXT4_IOC_CHECKPOINT
# with EXT4_IOC_CHECKPOINT_FLAG_DISCARD (linux 5.15, Documentation/filesystems/ext4/journal.rst).
discard_deleted() {
    sync
    fstrim --all --verbose || log "this disk cannot discard: what was deleted stays in the image"
    python3 -c 'import fcntl, os; fcntl.ioctl(os.open("/", os.O_RDONLY), 0x4004662B, (1).to_bytes(4, "little"))' ||
        log "this file system cannot discard its journal"
}
