#!/usr/bin/env bash
# What bakery-health asks of the machine, a function each: source it; it does nothing by itself.
# Needs: nothing

# ask_disks: sets `bytes` and `inodes`, the worst percentages of the file systems that fill up (0 where there is no limit).
ask_disks() {
    local path present=() line
    for path in / /var/lib/docker /var/lib/containerd; do
        [[ ! -d $path ]] || present+=("$path")
    done
    bytes=0 inodes=0
    while read -r -a line; do
        [[ ! ${line[0]} =~ ^([0-9]+)% ]] || ((BASH_REMATCH[1] <= bytes)) || bytes=${BASH_REMATCH[1]}
        [[ ! ${line[1]} =~ ^([0-9]+)% ]] || ((BASH_REMATCH[1] <= inodes)) || inodes=${BASH_REMATCH[1]}
    done < <(df --output=pcent,ipcent -- "${present[@]}")
}

# ask_units: sets `units`, how systemd says that each is, and `ssh`, which Ubuntu starts by its socket since 22.10.
ask_units() {
    local key value id=""
    declare -gA units=()
    while IFS='=' read -r key value; do
        case $key in
            Id) id=$value ;;
            ActiveState) units[$id]=$value ;;
        esac
    done < <(systemctl show --property=Id --property=ActiveState nginx.service ssh.service ssh.socket dokku-event-listener.service)
    ssh="not active"
    [[ ${units[ssh.service]-} != active && ${units[ssh.socket]-} != active ]] || ssh=active
}

# memory_free: percent of memory that programs could still get.
memory_free() {
    local key kb _ total=1 available=0
    while read -r key kb _; do
        [[ $key != MemTotal: ]] || total=$kb
        [[ $key != MemAvailable: ]] || available=$kb
    done </proc/meminfo
    echo $((available * 100 / total))
}

# docker_version: asked by its socket, because docker's own client costs a second under emulation.
docker_version() {
    local said
    said=$(curl --silent --max-time 10 --unix-socket /run/docker.sock http://docker/version) || return 0
    [[ ! $said =~ \"Version\":\"([^\"]+)\" ]] || echo "${BASH_REMATCH[1]}"
}

nginx_state() {
    local state=${units[nginx.service]-unknown}
    [[ $state != active ]] || nginx -t -q 2>/dev/null || state="invalid configuration"
    echo "$state"
}

uptime_s() {
    local seconds
    read -r seconds _ </proc/uptime
    echo "${seconds%.*}"
}

# firstboot_state: "waiting", "done", "problems: TASK…" (the owner's input), or "failed: TASK…" after the last try.
firstboot_state() {
    local result=/var/lib/bakery/firstboot.json
    if [[ -r $result ]]; then
        jq -r '[.tasks | to_entries[] | select(.value.ok | not).key] as $bad
            | .status + (if $bad == [] then "" else ": " + ($bad | join(" ")) end)' "$result"
    elif [[ $(systemctl is-enabled bakery-firstboot.service 2>/dev/null) == enabled ]]; then
        echo waiting
    else
        echo "done"
    fi
}

# firstboot_problems: a line for each thing that first boot could not do; nothing before it has ended.
firstboot_problems() {
    local result=/var/lib/bakery/firstboot.json
    # What the owner wrote may have been meant for a terminal.
    [[ ! -r $result ]] || jq -r '.tasks | to_entries[] | select(.value.ok | not)
        | "first boot: \(.key): \(.value.detail)" | gsub("[[:cntrl:]]"; "?")' "$result"
}
