#!/usr/bin/env bash
# nginx: from the distribution or from nginx.org, pinned and held, with the layout and user that dokku expects.
# Needs: BAKERY_DISTRO BAKERY_CODENAME BAKERY_NGINX_SOURCE BAKERY_NGINX_CHANNEL BAKERY_NGINX_PACKAGES
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

read -ra packages <<<"$BAKERY_NGINX_PACKAGES"

for package in "${packages[@]}"; do
    # What depends on one exact version must be allowed to move with it.
    [[ $package != *=* ]] || pin "${package#*=}" "${package%%=*}" nginx-common nginx-core 'libnginx-mod-*'
done

if [[ $BAKERY_NGINX_SOURCE == nginx.org ]]; then
    folder=packages
    [[ $BAKERY_NGINX_CHANNEL != mainline ]] || folder=packages/mainline
    # Nothing else is taken from there unless somebody asks for it by name.
    put /etc/apt/preferences.d/bakery-nginx-org 0644 <<<$'Package: *\nPin: origin nginx.org\nPin-Priority: 100'
    if [[ ! -e /etc/apt/preferences.d/bakery-nginx ]]; then # no version was asked for
        put /etc/apt/preferences.d/bakery-nginx-source 0644 <<<$'Package: nginx\nPin: origin nginx.org\nPin-Priority: 1001'
    fi
    add_source nginx https://nginx.org/keys/nginx_signing.key 573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62 \
        "https://nginx.org/$folder/$BAKERY_DISTRO $BAKERY_CODENAME nginx"
fi
apt_install "${packages[@]}"
hold "${packages[@]}"

if [[ $BAKERY_NGINX_SOURCE == nginx.org ]]; then
    # Its package runs as user nginx, includes conf.d alone and keeps 52 logs; dokku and the distributions' own
    # modules and sites count on www-data, sites-enabled and modules-enabled.
    mkdir -p /etc/nginx/{modules-enabled,sites-available,sites-enabled,snippets}
    put_file nginx.org.conf /etc/nginx/nginx.conf 0644
    put_file nginx.org.logrotate /etc/logrotate.d/nginx 0644
fi

# The welcome page would take port 80 from dokku's own default, and tells visitors nothing.
for page in /etc/nginx/sites-enabled/default /etc/nginx/conf.d/default.conf; do
    [[ -e $page || -L $page ]] || continue
    rm "$page"
    changes=$((changes + 1))
done

nginx -t -q
enable nginx.service
((changes == 0)) || systemctl restart nginx.service
