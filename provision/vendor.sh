#!/usr/bin/env bash
# Functions for the steps that take packages from a vendor's own archive: source it after apt.sh; it does nothing by itself.
# Needs: nothing

# add_source NAME KEY_URL FINGERPRINT LINE: a vendor's packages, trusted for that vendor's key alone.
add_source() {
    local name=$1 url=$2 fingerprint=$3 line=$4 home
    local keyring=/etc/apt/keyrings/$name.gpg list=/etc/apt/sources.list.d/$name.list
    if [[ ! -s $keyring ]]; then
        apt_install curl ca-certificates gpg
        home=$(mktemp -d) # and no agent, which public keys do not need and a small system does not have
        retry 3 curl --fail --silent --show-error --location --output "$home/key" "$url"
        gpg --homedir "$home" --no-autostart --quiet --batch --import "$home/key"
        gpg --homedir "$home" --no-autostart --quiet --batch --export "$fingerprint" >"$home/only"
        [[ -s $home/only ]] || die "$url does not hold the key $fingerprint"
        put "$keyring" 0644 <"$home/only"
        rm -rf "$home"
    fi
    put "$list" 0644 <<<"deb [arch=$(dpkg --print-architecture) signed-by=$keyring] $line"
    update_once "$name" -o "Dir::Etc::SourceList=$list" -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0
}

# prefer_vendor NAME HOST PKG[=GLOB]…: those packages come from there, and nothing else that nobody asks for by name.
prefer_vendor() {
    local name=$1 host=$2 package
    {
        printf 'Package: *\nPin: origin "%s"\nPin-Priority: 100\n' "$host"
        for package in "${@:3}"; do
            [[ $package == *=* ]] || printf '\nPackage: %s\nPin: origin "%s"\nPin-Priority: 1001\n' "$package" "$host"
        done
    } | put "/etc/apt/preferences.d/bakery-vendor-$name" 0644
}

# from_vendor NAME KEY_URL FINGERPRINT LINE PKG[=GLOB]…: installs what is missing; asks nobody when nothing is.
from_vendor() {
    local name=$1 line=$4 package missing=() host=${4#*://}
    host=${host%%[/ :]*}
    for package in "${@:5}"; do
        is_satisfied "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    prefer_vendor "$name" "$host" "${@:5}"
    add_source "${@:1:4}"
    log "apt-get install ${missing[*]}"
    # The layer below may hold all that these depend on. Only where it does not are the distribution's lists fetched.
    apt-get --quiet --quiet --simulate --no-install-recommends install "${missing[@]}" >/dev/null 2>&1 || fetch_lists
    apt_get install "${missing[@]}"
    # An archive on the baking machine is not there for anybody else.
    [[ $host != 10.0.2.2 ]] || rm "/etc/apt/keyrings/$name.gpg" "/etc/apt/sources.list.d/$name.list" "/etc/apt/preferences.d/bakery-vendor-$name"
}
