#!/usr/bin/env bash
# The clean-up: a timer that removes what nothing uses any more, never an app, never a volume.
# Needs: BAKERY_CLEANUP_SCHEDULE BAKERY_CLEANUP_KEEP_HOURS
set -euo pipefail
source "$(dirname "$0")/lib.sh"

log "at $BAKERY_CLEANUP_SCHEDULE, what is older than $BAKERY_CLEANUP_KEEP_HOURS hours"
put_file bakery-cleanup /usr/local/sbin/bakery-cleanup 0755
put_file bakery-cleanup.service /etc/systemd/system/bakery-cleanup.service 0644
put /etc/systemd/system/bakery-cleanup.timer 0644 <<END
# Written by Dokku Bakery.
[Unit]
Description=Remove what nothing uses any more, regularly

[Timer]
OnCalendar=$BAKERY_CLEANUP_SCHEDULE
RandomizedDelaySec=5min
Persistent=true

[Install]
WantedBy=timers.target
END

enable bakery-cleanup.timer
