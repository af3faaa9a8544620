#!/usr/bin/env bash
# Functions for the steps that install packages: source it after lib.sh; it does nothing by itself.
# Needs: BAKERY_RUN_DIR (default: /run)

installed_version() { dpkg-query -W -f='${db:Status-Abbrev}${Version}' "$1" 2>/dev/null | sed -n 's/^.i //p'; }

# is_satisfied PKG[=GLOB]: installed, at a version that matches.
is_satisfied() {
    local version
    version=$(installed_version "${1%%=*}") || return 1
    # shellcheck disable=SC2053  # the right side is a glob on purpose
    [[ -n $version && ($1 != *=* || $version == ${1#*=}) ]]
}

# update_once NAME OPTION…: apt's lists, once a boot for each name.
update_once() {
    local stamp=${BAKERY_RUN_DIR:-/run}/bakery-lists/$1.fetched
    [[ -e $stamp ]] && return
    log "apt-get update ($1)"
    retry 3 apt-get update --quiet --quiet --error-on=any "${@:2}"
    mkdir -p "${stamp%/*}"
    touch "$stamp"
}

fetch_lists() { update_once all; }

apt_get() {
    retry 3 apt-get --quiet --quiet --yes --no-install-recommends --allow-change-held-packages --allow-downgrades \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@"
}

# apt_install PKG[=GLOB]…: what is there already at a fitting version costs nothing, not even a look at apt.
apt_install() {
    local package missing=()
    for package in "$@"; do
        is_satisfied "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    fetch_lists
    log "apt-get install ${missing[*]}"
    apt_get install "${missing[@]}"
}

# held_packages: one a line; without the caches of the lists that apt would make and leave behind.
held_packages() { apt-mark -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= showhold; }

# hold PKG[=GLOB]…: apt never moves them by itself.
hold() {
    local held package
    held=$(held_packages)
    for package in "${@%%=*}"; do
        grep -qx "$package" <<<"$held" && continue
        apt-mark hold "$package" >/dev/null
        log "held $package"
    done
}

# pin GLOB PKG…: apt takes only versions that match, for the packages and those that must move with them.
pin() {
    local glob=$1
    shift
    printf 'Package: %s\nPin: version %s\nPin-Priority: 1001\n' "$*" "$glob" | put "/etc/apt/preferences.d/bakery-$1" 0644
}
