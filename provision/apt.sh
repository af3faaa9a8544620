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

# fetch_lists [FILE]: apt's lists, once a boot; with FILE only those of that source, once a boot as well.
fetch_lists() {
    local source=${1:-} stamp args=()
    stamp=${BAKERY_RUN_DIR:-/run}/bakery-lists/${source##*/}.fetched
    [[ -e $stamp ]] && return
    [[ -n $source ]] && args=(-o "Dir::Etc::SourceList=$source" -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0)
    log apt-get update ${source:+"for ${source##*/}"}
    retry 3 apt-get update --quiet --quiet --error-on=any "${args[@]}"
    mkdir -p "${stamp%/*}"
    touch "$stamp"
}

apt_get() {
    retry 3 apt-get --quiet --quiet --yes --no-install-recommends --allow-change-held-packages \
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

# hold PKG[=GLOB]…: apt never moves them by itself.
hold() {
    local held package
    held=$(apt-mark showhold)
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

# add_source NAME KEY_URL FINGERPRINT LINE: a vendor's packages, trusted for that vendor's key alone.
add_source() {
    local name=$1 url=$2 fingerprint=$3 line=$4 home
    local keyring=/etc/apt/keyrings/$name.gpg list=/etc/apt/sources.list.d/$name.list
    if [[ ! -s $keyring ]]; then
        apt_install curl ca-certificates gpg
        home=$(mktemp -d)
        retry 3 curl --fail --silent --show-error --location --output "$home/key" "$url"
        gpg --homedir "$home" --quiet --batch --import "$home/key"
        gpg --homedir "$home" --quiet --batch --export "$fingerprint" >"$home/only"
        [[ -s $home/only ]] || die "$url does not hold the key $fingerprint"
        put "$keyring" 0644 <"$home/only"
        rm -rf "$home"
    fi
    put "$list" 0644 <<<"deb [arch=$(dpkg --print-architecture) signed-by=$keyring] $line"
    fetch_lists "$list"
}
