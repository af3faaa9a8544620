#!/usr/bin/env bash
# nginx: from the distribution or from nginx.org, pinned and held, with the layout and user that dokku expects.
# Needs: BAKERY_NGINX_SOURCE BAKERY_NGINX_PACKAGES BAKERY_NGINX_ARCHIVE BAKERY_NGINX_ARCHIVE_KEY BAKERY_NGINX_ARCHIVE_KEY_URL
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"
source "$(dirname "$0")/vendor.sh"

read -ra packages <<<"$BAKERY_NGINX_PACKAGES"

for package in "${packages[@]}"; do
    # What depends on one exact version must be allowed to move with it.
    [[ $package != *=* ]] || pin "${package#*=}" "${package%%=*}" nginx-common nginx-core 'libnginx-mod-*'
done

if [[ $BAKERY_NGINX_SOURCE == nginx.org ]]; then
    from_vendor nginx "$BAKERY_NGINX_ARCHIVE_KEY_URL" "$BAKERY_NGINX_ARCHIVE_KEY" "$BAKERY_NGINX_ARCHIVE" "${packages[@]}"
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
