#!/usr/bin/env bash
# Health: a timer runs a probe that writes JSON for the minutes to come, nginx serves it; no file for now means stale.
# Needs: BAKERY_HEALTH_PORT BAKERY_HEALTH_INTERVAL_S
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

apt_install jq openssl
log "http://NODE:$BAKERY_HEALTH_PORT/health, asked every $BAKERY_HEALTH_INTERVAL_S s"
put_file bakery-health /usr/local/sbin/bakery-health 0755
put_file health-questions.sh /usr/local/lib/bakery/health-questions.sh 0644
put_file health-forms.sh /usr/local/lib/bakery/health-forms.sh 0644
put_file health-publish.sh /usr/local/lib/bakery/health-publish.sh 0644
put_file bakery-health.service /etc/systemd/system/bakery-health.service 0644
put_file bakery-health-soon.timer /etc/systemd/system/bakery-health-soon.timer 0644
put_file tmpfiles.conf /etc/tmpfiles.d/bakery.conf 0644
put /etc/systemd/system/bakery-health.timer 0644 <<END
# Written by Dokku Bakery.
[Unit]
Description=Ask how the machine is, regularly

[Timer]
OnBootSec=10s
OnUnitActiveSec=${BAKERY_HEALTH_INTERVAL_S}s
AccuracySec=1s

[Install]
WantedBy=timers.target
END

# nginx itself tells a fresh answer from an old one: it looks for the file of the current minute.
sed "s/@PORT@/$BAKERY_HEALTH_PORT/" "$files/health.nginx.conf" >"${TMPDIR:-/tmp}/health.nginx.conf"
before=$changes
put /etc/nginx/conf.d/bakery-health.conf 0644 <"${TMPDIR:-/tmp}/health.nginx.conf"
rm "${TMPDIR:-/tmp}/health.nginx.conf"
systemd-tmpfiles --create /etc/tmpfiles.d/bakery.conf
if ((changes > before)); then
    nginx -t -q
    systemctl reload nginx.service
fi

enable bakery-health.timer
