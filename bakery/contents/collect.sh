#!/usr/bin/env bash
# What this machine holds, as collect.py reads it: NUL, a name, a line break, what a command prints; and so on. Changes nothing.
# Needs: nothing; root reads more
set -euo pipefail
export LC_ALL=C.UTF-8
# An emulated systemd may take more than the usual 25 seconds to answer (systemd, docs/ENVIRONMENT.md).
export SYSTEMD_BUS_TIMEOUT=600s

# need NAME COMMAND…: ends all of it where the command fails: half a list would be taken for what changed.
need() {
    local name=$1 said
    shift
    printf '\0%s\n' "$name"
    { said=$("$@" 2>&1 >&3 3>&- </dev/null) || fail "$name: $said"; } 3>&1
}

# tell NAME COMMAND…: the same, where what is not there, such as Docker, tells nothing.
tell() {
    local name=$1
    shift
    printf '\0%s\n' "$name"
    "$@" 2>/dev/null </dev/null || true
}

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

packages() {
    dpkg-query -W -f='${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' |
        sed -n 's/^.i.\?\t//p'
}

# A cloud image has what Debian's and Ubuntu's changelogs say; what apt knows of archives is in no image.
# One program for hundreds of files: where it is emulated, a program for each takes minutes. cloud-init brings Python along.
suites() {
    python3 -c '
import glob, gzip, pathlib
for path in glob.glob("/usr/share/doc/*/changelog.Debian.gz"):
    try:
        with gzip.open(path, "rt", errors="replace") as log:
            print(pathlib.Path(path).parent.name, log.readline().rstrip(), sep="\t")
    except (OSError, EOFError):
        pass
'
}

plugins() {
    local folder link commit
    for folder in /var/lib/dokku/plugins/available/*/; do
        folder=${folder%/}
        # dokku's own are links into its package.
        [[ -d $folder/.git && ! -L $folder ]] || continue
        # git answers the owner of a repository alone.
        commit=$(runuser -u "$(stat -c %U "$folder/.git")" -- git -C "$folder" rev-parse HEAD) || continue
        link=$(sed -n 's/^[[:space:]]*url = //p' "$folder/.git/config" | head -n 1)
        printf '%s\t%s\t%s\t%s\n' "$(basename "$folder")" "$commit" "$link" \
            "$(sed -n 's/^version = "\(.*\)"/\1/p' "$folder/plugin.toml")"
    done
}

containers() { docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.Digest}}'; }

# What enabling leaves (systemctl(1), "enable"): `list-unit-files` reads every unit there is, a minute of it where that is emulated.
units() {
    find /etc/systemd/system -mindepth 2 -maxdepth 2 \( -path '*.wants/*' -o -path '*.requires/*' \) -printf '%f\n' | sort -u
}

# Those that are enabled, and those that another unit has always wanted.
timers() {
    local enabled wanted all
    enabled=$(units) && wanted=$(systemctl show --value --property=Wants timers.target) || return
    mapfile -t all < <(printf '%s\n' "$enabled" "${wanted// /$'\n'}" | grep '\.timer$' | sort -u)
    ((${#all[@]})) || return 0
    systemctl show --property=Id,TimersCalendar,TimersMonotonic "${all[@]}"
}

cron() {
    local file
    for file in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/*; do
        [[ ! -f $file ]] || sed -E -e '/^[[:space:]]*(#|$)/d' -e '/^[A-Za-z_]+[[:space:]]*=/d' -e "s|^|$file\t|" "$file"
    done
    find /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly -type f ! -name '.*' -printf '%p\t\n'
}

sizes() {
    # What first boot makes, and what the machine writes while it runs, is in no image.
    du --one-file-system --block-size=1 --max-depth=2 --exclude=/var/lib/bakery/swap --exclude=/var/lib/bakery/ballast \
        --exclude='/var/log/*' --exclude='/tmp/*' --exclude='/var/tmp/*' /
}

boot() {
    timeout 300 systemctl is-system-running --wait >/dev/null || true
    systemctl show --property=UserspaceTimestampMonotonic,FinishTimestampMonotonic,InitRDTimestampMonotonic
}

need kernel uname -r
tell virtualization systemd-detect-virt --container
need boot boot
need packages packages
tell suites suites
tell plugins plugins
tell containers containers
need units units
need timers timers
tell cron cron
need listening ss --no-header --numeric --listening --tcp --udp --processes
need passwd getent passwd
need groups getent group
tell privileged find / -xdev -type f -perm /6000 -printf '%m\t%u:%g\t%p\n'
tell sizes sizes
printf '\0end\n'
