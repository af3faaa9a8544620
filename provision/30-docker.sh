#!/usr/bin/env bash
# Docker: from the distribution or from docker.com, held, with bounded logs and build cache, apps outliving the daemon.
# Needs: BAKERY_DISTRO BAKERY_CODENAME BAKERY_DOCKER_SOURCE BAKERY_DOCKER_PACKAGES
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

read -ra packages <<<"$BAKERY_DOCKER_PACKAGES"

# In place before the package: its first start already obeys it. A docker that runs already obeys from the next boot on.
put_file daemon.json /etc/docker/daemon.json 0644

if [[ $BAKERY_DOCKER_SOURCE == docker.com ]]; then
    add_source docker "https://download.docker.com/linux/$BAKERY_DISTRO/gpg" 9DC858229FC7DD38854AE2D88D81803C0EBFCD88 \
        "https://download.docker.com/linux/$BAKERY_DISTRO $BAKERY_CODENAME stable"
fi
# Both packages only recommend apparmor, but where the kernel has it, no container starts without its parser.
apt_install apparmor "${packages[@]}"
hold "${packages[@]}"

enable docker.service
