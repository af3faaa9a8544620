#!/usr/bin/env bash
# What bakery-health asks of the machine, a function each: source it; it does nothing by itself.
# Needs: nothing

# worst FIELD: df's percentage, the worst of the file systems that fill up (0 where they have no such limit).
worst() {
    local path present=()
    for path in / /var/lib/docker /var/lib/containerd; do
        [[ ! -d $path ]] || present+=("$path")
    done
    df --output="$1" -- "${present[@]}" | tail -n +2 | tr -d ' %' | tr - 0 | sort -n | tail -n 1
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

docker_version() { timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null || true; }

nginx_state() {
    local state
    state=$(systemctl is-active nginx.service) || true
    [[ $state != active ]] || nginx -t -q 2>/dev/null || state="invalid configuration"
    echo "$state"
}

# Ubuntu starts sshd by its socket since 22.10.
ssh_state() { systemctl is-active ssh.service ssh.socket | grep -x --max-count=1 active || echo "not active"; }

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
