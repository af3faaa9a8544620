#!/usr/bin/env bash
# First boot: one unit brings keys, domain, settings and certificates to a new machine, and says in health how that went.
# Needs: nothing
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

apt_install python3-yaml
put_file bakery-firstboot /usr/local/sbin/bakery-firstboot 0755
put_file files.py /usr/local/lib/bakery/files.py 0644
put_file programs.py /usr/local/lib/bakery/programs.py 0644
put_file dokku.py /usr/local/lib/bakery/dokku.py 0644
put_file node_task.py /usr/local/lib/bakery/node_task.py 0644
put_file node_file.py /usr/local/lib/bakery/node_file.py 0644
put_file node_keys.py /usr/local/lib/bakery/node_keys.py 0644
put_file node_domain.py /usr/local/lib/bakery/node_domain.py 0644
put_file node_settings.py /usr/local/lib/bakery/node_settings.py 0644
put_file node_certificates.py /usr/local/lib/bakery/node_certificates.py 0644
put_file bakery-firstboot.service /etc/systemd/system/bakery-firstboot.service 0644
put_file bakery-certificate-renewal.service /etc/systemd/system/bakery-certificate-renewal.service 0644
put_file bakery-certificate-renewal.timer /etc/systemd/system/bakery-certificate-renewal.timer 0644

enable bakery-firstboot.service
