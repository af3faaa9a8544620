# shellcheck shell=bash
# `dokku plugin:…` (stand-in).
plugin:list() {
    local name version state description origin commit core branch separator="" format=stdout
    case ${1:-} in
        --format) format=${2:-} ;;
        --format=*) format=${1#*=} ;;
    esac
    if [[ $format == stdout ]]; then
        plugn list
        return
    fi
    [[ $format == json ]] || fail "Invalid output format specified, supported formats: json, stdout"
    printf '['
    while read -r name version state description; do
        [[ $name != plugn: ]] || continue
        core=false origin="" commit="" branch=""
        [[ ! -L $PLUGIN_CORE_ENABLED_PATH/$name ]] || core=true
        if [[ -e $PLUGIN_AVAILABLE_PATH/$name/.git ]]; then
            origin=$(git_of "$name" remote get-url origin)
            commit=$(git_of "$name" rev-parse HEAD)
            branch=$(git_of "$name" rev-parse --abbrev-ref HEAD)
            [[ $branch != HEAD ]] || branch=""
        fi
        printf '%s{"name":"%s","version":"%s","enabled":%s,"core":%s,"description":"%s",' "$separator" "$name" "$version" \
            "$([[ $state == enabled ]] && echo true || echo false)" "$core" "${description//\"/\\\"}"
        printf '"source_url":"%s","committish":"%s","branch":"%s"}' "$origin" "$commit" "$branch"
        separator=,
    done < <(plugn list)
    echo ']'
}

# git_of PLUGIN ARGUMENT…: whoever owns the plugin.
git_of() { git -c "safe.directory=$PLUGIN_AVAILABLE_PATH/$1" -C "$PLUGIN_AVAILABLE_PATH/$1" "${@:2}" 2>/dev/null || true; }

plugin:installed() {
    local name rest
    while read -r name rest; do
        [[ $name != "${1:-}" ]] || return 0
    done < <(plugn list)
    return 1
}

plugin:install() {
    case ${1:-} in
        --core) PLUGIN_PATH=$PLUGIN_CORE_PATH plugn trigger install ;;
        # The real one knows no http:. The tests' own shelf speaks no TLS, so that alone is let through.
        https:* | git* | ssh:* | file:* | *.tar.gz | *.tgz) install_from "$@" ;;
        "") plugn trigger install ;;
        *)
            warn "First argument must be --core or url to plugin"
            warn "Valid prefixes: https:, git:, ssh:, file:"
            warn "Valid suffixes: .tar.gz, .tgz"
            fail "Please retry with valid arguments"
            ;;
    esac
}

# install_from URL OPTION…: clone, enable, only then check out, and at last the trigger of every plugin.
install_from() {
    local url=$1 name commit="" want_trigger=true
    name=${url##*/} && name=${name%.git} && name=${name#dokku-}
    shift
    while (($#)); do
        case $1 in
            --committish) commit=$2 && shift ;;
            --name) name=$2 && shift ;;
            --skip-install-trigger) want_trigger=false ;;
        esac
        shift
    done
    info_quiet "Cloning plugin repo $url to $PLUGIN_AVAILABLE_PATH/$name"
    plugn install "$url" "$name"
    [[ ! -e $PLUGIN_ENABLED_PATH/$name ]] || fail "Plugin already enabled"
    [[ -e $PLUGIN_AVAILABLE_PATH/$name ]] || fail "Plugin does not exist"
    plugn enable "$name"
    info_quiet "Plugin $name enabled"
    [[ -z $commit ]] || plugn update "$name" "$commit"
    [[ $want_trigger == false ]] || plugn trigger install
}

plugin:install-dependencies() {
    [[ ${1:-} != --core ]] || export PLUGIN_PATH=$PLUGIN_CORE_PATH
    plugn trigger dependencies
}

plugin:trigger() { plugn trigger "$@"; }
