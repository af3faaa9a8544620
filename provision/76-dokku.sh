#!/usr/bin/env bash
# dokku: from its own archive, pinned and held, with every question of its installer answered so that nothing of the bake stays.
# Needs: BAKERY_DOKKU_PACKAGES BAKERY_DOKKU_DOCKER_PLUGINS BAKERY_DOKKU_ARCHIVE BAKERY_DOKKU_ARCHIVE_KEY BAKERY_DOKKU_ARCHIVE_KEY_URL BAKERY_DOCKER_SOURCE BAKERY_DOCKER_ARCHIVE BAKERY_DOCKER_ARCHIVE_KEY BAKERY_DOCKER_ARCHIVE_KEY_URL
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"
source "$(dirname "$0")/vendor.sh"

read -ra packages <<<"$BAKERY_DOKKU_PACKAGES"
read -ra plugins <<<"$BAKERY_DOKKU_DOCKER_PLUGINS"
vhost=/home/dokku/VHOST

# Before anything else: where this file is missing, the installer writes the builder's own name into it and makes that
# every clone's domain, now and again with each plugin. The user is made as the installer would make it.
id -u dokku >/dev/null 2>&1 || adduser --quiet --disabled-password --gecos "" dokku
[[ -e $vhost ]] || install --owner=dokku --group=dokku --mode=0644 /dev/null "$vhost"

# nginx's workers must get through to what plugins keep beneath, which Debian's 0700 and Ubuntu's 0750 forbid.
[[ $(stat -c %a /home/dokku) == 711 ]] || chmod 0711 /home/dokku

# Its own, which it writes where there is none, lacks `su`: logrotate then refuses the folder, where dokku's group may write.
put_file dokku.logrotate /etc/logrotate.d/dokku 0644

# The installer would spend minutes on parameters of its own; these are RFC 7919's, which everybody may share.
put_file dhparam.pem /etc/nginx/dhparam.pem 0644

# key_file does not exist on purpose: what is there would get a key, and the bake's own login key must not.
debconf-set-selections <<'END'
dokku dokku/vhost_enable boolean false
dokku dokku/hostname string localhost
dokku dokku/skip_key_file boolean true
dokku dokku/key_file string /nonexistent
dokku dokku/nginx_enable boolean true
dokku dokku/install_default_site boolean true
END

if [[ -n $BAKERY_DOCKER_ARCHIVE && $BAKERY_DOCKER_SOURCE == distro ]]; then
    # The distribution's Docker stays: from there come the two plugins alone.
    from_vendor docker "$BAKERY_DOCKER_ARCHIVE_KEY_URL" "$BAKERY_DOCKER_ARCHIVE_KEY" "$BAKERY_DOCKER_ARCHIVE" "${plugins[@]}"
else
    apt_install "${plugins[@]}"
fi
pin "${packages[0]#*=}" dokku
from_vendor dokku "$BAKERY_DOKKU_ARCHIVE_KEY_URL" "$BAKERY_DOKKU_ARCHIVE_KEY" "$BAKERY_DOKKU_ARCHIVE" "${packages[@]}"
hold "${packages[@]}" "${plugins[@]}"

# Its units are written only where systemd runs; without them no app comes back from a reboot.
for unit in dokku-redeploy.service dokku-retire.timer docker-builder-prune.timer dokku-event-listener.target; do
    systemctl cat "$unit" >/dev/null 2>&1 || die "dokku's installer did not write $unit"
    enable "$unit"
done

# What brings the apps back, in the place of `dokku ps:restore`.
put_file apps.py /usr/local/lib/bakery/apps.py 0644
put_file asking.py /usr/local/lib/bakery/asking.py 0644
put_file bakery-restore /usr/local/sbin/bakery-restore 0755
put_file dokku-redeploy.conf /etc/systemd/system/dokku-redeploy.service.d/50-bakery.conf 0644
put_file dokku-retire.conf /etc/systemd/system/dokku-retire.service.d/50-bakery.conf 0644

put_file bakery-apps /usr/local/sbin/bakery-apps 0755
put_file health-vhosts.sh /usr/local/lib/bakery/health-vhosts.sh 0644
put_file health-dokku.sh /usr/local/lib/bakery/health-dokku.sh 0644

# On a full disk dokku empties what it rewrites: environments, domains, vhosts. What it sources first forbids that.
put_file dokku-room.sh /usr/local/lib/bakery/dokku-room.sh 0644
put_file dokku-words.sh /usr/local/lib/bakery/dokku-words.sh 0644
put_file dokku-torn.sh /usr/local/lib/bakery/dokku-torn.sh 0644
put_file dokku-kept.sh /usr/local/lib/bakery/dokku-kept.sh 0644
put_file dokku-back.sh /usr/local/lib/bakery/dokku-back.sh 0644
put_file guard-dokku.sh /usr/local/lib/bakery/guard-dokku.sh 0644
put_file dokku-disk.sh /home/dokku/.dokkurc/bakery-disk 0644
put /etc/sudoers.d/bakery-disk 0440 <<<'dokku ALL=(root) NOPASSWD: /usr/bin/systemctl start bakery-disk-guard.service'
put_file dokku-apps.logrotate /etc/logrotate.d/bakery-dokku-apps 0644

# Unpacks what would be unpacked at the first command, for which a full disk has no room.
plugn version >/dev/null
runuser -u dokku -- plugn version >/dev/null

nginx -t -q
log "dokku $(</var/lib/dokku/STABLE_VERSION)"
