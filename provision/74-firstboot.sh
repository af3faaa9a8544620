#!/usr/bin/env bash
# First boot: one unit brings keys, domain, settings and certificates to a new machine, and says in health how that went.
# Needs: nothing
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

apt_install python3-yaml
put_file bakery-firstboot /usr/local/sbin/bakery-firstboot 0755
put_file bakery-firstboot.service /etc/systemd/system/bakery-firstboot.service 0644
put_file bakery-certificate-renewal.service /etc/systemd/system/bakery-certificate-renewal.service 0644
put_file bakery-certificate-renewal.timer /etc/systemd/system/bakery-certificate-renewal.timer 0644

enable bakery-firstboot.service
