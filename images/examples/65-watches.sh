#!/usr/bin/env bash
# Watches: lets the apps of a machine watch more files than the kernel's default allows, from the next boot on.
# Needs: BAKERY_IMAGE
set -euo pipefail
# shellcheck source=/dev/null  # it lies beside this file in the machine alone
source "$(dirname "$0")/lib.sh"

log "more watches for $BAKERY_IMAGE"
put /etc/sysctl.d/60-watches.conf 0644 <"$(dirname "$0")/65-watches/watches.conf"
