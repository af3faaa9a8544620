#!/usr/bin/env bash
# Docker: from the distribution or from docker.com, held, with bounded logs and build cache, apps outliving the daemon.
# Needs: BAKERY_DOCKER_SOURCE BAKERY_DOCKER_PACKAGES BAKERY_DOCKER_ARCHIVE BAKERY_DOCKER_ARCHIVE_KEY BAKERY_DOCKER_ARCHIVE_KEY_URL
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"
source "$(dirname "$0")/vendor.sh"

read -ra packages <<<"$BAKERY_DOCKER_PACKAGES"

# In place before the package: its first start already obeys it. A docker that runs already obeys from the next boot on.
put_file daemon.json /etc/docker/daemon.json 0644

if [[ $BAKERY_DOCKER_SOURCE == docker.com ]]; then
    from_vendor docker "$BAKERY_DOCKER_ARCHIVE_KEY_URL" "$BAKERY_DOCKER_ARCHIVE_KEY" "$BAKERY_DOCKER_ARCHIVE" "${packages[@]}"
fi
# Both packages only recommend apparmor, but where the kernel has it, no container starts without its parser.
apt_install apparmor "${packages[@]}"
hold "${packages[@]}"

enable docker.service
