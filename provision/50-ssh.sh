#!/usr/bin/env bash
# sshd: keys only, root by key or not at all, host keys made on the machine that uses them.
# Needs: BAKERY_SSH_ROOT_LOGIN
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/apt.sh"

apt_install openssh-server

case $BAKERY_SSH_ROOT_LOGIN in
    key) root_login=prohibit-password ;;
    no) root_login=no ;;
    *) die "BAKERY_SSH_ROOT_LOGIN is '$BAKERY_SSH_ROOT_LOGIN', must be key or no" ;;
esac

# The first value that sshd reads wins, so this must sort before cloud-init's own file.
put /etc/ssh/sshd_config.d/00-bakery.conf 0644 <<END
# Written by Dokku Bakery.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
PermitRootLogin $root_login
X11Forwarding no
LoginGraceTime 60
MaxAuthTries 4
END

# cloud-init makes the host keys, but only on a platform that it knows: elsewhere sshd would not start. Not by
# `ssh-keygen -A`, which makes a DSA key too in some releases.
put /etc/systemd/system/ssh.service.d/50-bakery.conf 0644 <<'END'
# Written by Dokku Bakery.
[Service]
ExecStartPre=
ExecStartPre=/bin/sh -ec 'for type in rsa ecdsa ed25519; do key=/etc/ssh/ssh_host_$${type}_key; \
    test -s $$key || { rm -f $$key; ssh-keygen -q -t $$type -N "" -f $$key; }; done'
ExecStartPre=/usr/sbin/sshd -t
END

((changes == 0)) || systemctl try-reload-or-restart ssh.service

# A drop-in that nobody includes would change nothing.
effective=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1)
for line in 'passwordauthentication no' 'kbdinteractiveauthentication no' 'logingracetime 60' 'maxauthtries 4'; do
    grep -qx "$line" <<<"$effective" || die "sshd does not follow 00-bakery.conf: want '$line'"
done
