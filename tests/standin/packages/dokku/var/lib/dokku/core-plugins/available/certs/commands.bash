# shellcheck shell=bash
# `dokku certs:…` (stand-in): a certificate and its key from two files, or from a tar archive on stdin.
# shellcheck source=/dev/null
source "$PLUGIN_CORE_AVAILABLE_PATH/proxy/functions"

# only_one SUFFIX FOLDER: puts the only file with that suffix into REPLY.
only_one() {
    local found=("$2"/**/*."$1")
    ((${#found[@]} > 0)) || fail "Tar archive is missing .$1 file"
    ((${#found[@]} == 1)) || fail "Tar archive contains more than one .$1 file"
    REPLY=${found[0]}
}

certs:add() {
    local app=${1:-} crt=${2:-} key=${3:-} folder unpacked archive
    shopt -s globstar
    verify_app "$app"
    if [[ -n $crt && -n $key ]]; then
        [[ -r $crt ]] || fail "CRT file specified not found, please check file paths"
        [[ -r $key ]] || fail "KEY file specified not found, please check file paths"
    elif [[ ! -t 0 ]]; then
        unpacked=$(mktemp -d "/tmp/dokku-$DOKKU_PID-cmd-certs-set.XXXXXX") # whatever TMPDIR says, and it stays, with the key in it
        archive=$(mktemp "/tmp/dokku-$DOKKU_PID-archive.XXXXXX")
        cat >"$archive"
        tar -x -C "$unpacked" -f "$archive"
        rm -f "$archive"
        only_one crt "$unpacked" && crt=$REPLY
        only_one key "$unpacked" && key=$REPLY
    else
        fail "Tar archive containing server.crt and server.key expected on stdin"
    fi
    folder=$DOKKU_ROOT/$app/tls
    mkdir -p "$folder"
    rm -f "$folder/server.crt" "$folder/server.key"
    cp "$crt" "$folder/server.crt"
    cp "$key" "$folder/server.key"
    chmod 0750 "$folder"
    chmod 0640 "$folder/server.crt" "$folder/server.key"
    add_https_port "$app"
    build_config "$app"
}

certs:update() { certs:add "$@"; }

# add_https_port APP: where port 80 is mapped by hand and 443 is not, 443 leads to the same port of the container.
add_https_port() {
    local maps
    property_get ports "$1" map
    maps=$REPLY
    [[ $maps != *https:443:* && $maps =~ http:80:([0-9]+) ]] || return 0
    property_list_set ports "$1" map "$maps https:443:${BASH_REMATCH[1]}"
}

certs:report() {
    local app format enabled=false crt key dates=("" "" "" "") folder=""
    report_arguments "$@"
    crt=$DOKKU_ROOT/$app/tls/server.crt key=$DOKKU_ROOT/$app/tls/server.key
    if [[ -e $crt && -e $key ]]; then
        enabled=true folder=${crt%/*}
        readarray -t dates < <(openssl x509 -in "$crt" -noout -startdate -enddate -subject -issuer)
    fi
    report ssl "$app" "$format" dir "$folder" enabled "$enabled" expires-at "${dates[1]#*=}" \
        issuer "${dates[3]#*=}" starts-at "${dates[0]#*=}" subject "${dates[2]#*=}"
}
