"""One machine under judgement: facts are asked in a single go, because each ssh command costs a second in TCG."""

import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from testinfra.host import Host  # type: ignore[import-untyped]  # it ships no types

UNITS = (
    *("docker.service", "nginx.service", "apt-daily.timer", "apt-daily-upgrade.timer", "bakery-disk.service"),
    *("bakery-disk-guard.timer", "bakery-cleanup.timer", "bakery-health.timer", "logrotate.timer"),
    *("bakery-firstboot.service", "bakery-certificate-renewal.timer", "dokku-redeploy.service", "dokku-retire.timer"),
    *("docker-builder-prune.timer", "dokku-event-listener.target", "dokku-event-listener.service"),
)
# What dokku is asked; an image without it answers "command not found".
DOKKU_FACTS = {
    "vhost": "stat -c '%U %s' /home/dokku/VHOST",
    "home": "stat -c %a /home/dokku",
    "version": "dokku version",
    "plugins": "dokku plugin:list --format json",
    "keys": "SSHCOMMAND_IGNORE_LIST_WARNINGS=true dokku ssh-keys:list --format json",
    "source": "cat /etc/apt/sources.list.d/dokku.list",
    "trusted": "ls /etc/apt/trusted.gpg.d",
    "answers": "debconf-show dokku",
    "images": "docker images --quiet --all",
    "dhparam": "sha256sum /etc/nginx/dhparam.pem",
    "sudoers": "visudo -c",
    "unpacked": "ls -d /root/.basher /home/dokku/.basher",
    "crontab": "crontab -l -u dokku",
    "secrets": "find /home/dokku/.docker /home/dokku/.netrc /var/lib/dokku/data/letsencrypt -type f",
}
FIRST_BOOT = "for i in $(seq 900); do systemctl is-active bakery-firstboot | grep -q ^activ || break; sleep 1; done"
LOGIN_HOMES = "/root /home -not -path '/home/dokku/*'"
KEY = r"(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/=]{60,}"
FACTS = {
    # First boot goes on after the boot, and what it did is asked below.
    "booted": f"timeout 300 systemctl is-system-running --wait >/dev/null; {FIRST_BOOT}; systemctl is-system-running",
    "failed_units": "systemctl list-units --failed --no-legend --plain",
    "cloud_init": "cat /run/cloud-init/result.json",
    "image_env": "cat /etc/bakery/image.env",
    "machine_id": "cat /etc/machine-id",
    "boots": "journalctl --list-boots --quiet | wc -l",
    "host_keys": "cat /etc/ssh/ssh_host_*_key.pub | cut -d' ' -f1,2",
    "authorized_keys": f"find {LOGIN_HOMES} -path '*/.ssh/*' -type f | xargs grep -ohE '{KEY}' | sort -u",
    "passwords": r"sed -nE 's/^([^:]+):([^!*:].*)?:.*/\1/p' /etc/shadow",
    "histories": "find /root /home -maxdepth 2 -name '.*_history' -size +0",
    "lists": "apt-mark showhold",
    "packages": "dpkg-query -W -f='${db:Status-Abbrev}\\t${Package}\\t${Version}\\n' | sed -n 's/^.i \\t//p'",
    "apt_config": "apt-config dump",
    "timezone": "date +%Z; readlink -f /etc/localtime",
    "listening": "ss --no-header --numeric --listening --tcp --udp",
    "resolved": "cat /etc/systemd/resolved.conf.d/50-bakery.conf",
    "datasources": "grep -h ^datasource_list /etc/cloud/cloud.cfg.d/*.cfg | tail -n 1",
    "units": f"systemctl show --property=Id,ActiveState,UnitFileState {' '.join(UNITS)}",
    "hostname": "hostname -f",
    "mounts": "findmnt --json --list --bytes --output TARGET,SOURCE,FSTYPE,SIZE,OPTIONS",
    "disk": 'lsblk --json --bytes --output NAME,TYPE,SIZE "/dev/$(lsblk -no PKNAME "$(findmnt -no SOURCE /)")"',
    "swap": "cat /proc/swaps",
    "tmp_inodes": "df --output=itotal /tmp | tail -n 1",
    "ballast": "stat -c '%s %b %B' /var/lib/bakery/ballast",
    "journald": "journalctl --boot --quiet --output=cat --unit=systemd-journald",
    "kernels": "dpkg-query -W -f='${db:Status-Abbrev}${Package}\\n' 'linux-*' | sed -n 's/^ii //p'",
    "sources": "ls /usr/src",
    "host_key_files": "ls /etc/ssh/ssh_host_*_key",
    "sshd": "sshd -T -C user=root,host=example,addr=192.0.2.1",
    "docker_info": "docker info --format '{{json .}}'",
    "daemon_json": "cat /etc/docker/daemon.json",
    "nginx_version": "nginx -v",
    "nginx_users": "ps -o user= -C nginx | sort | uniq -c",
    "nginx_config": "nginx -T",
    "nginx_logrotate": "cat /etc/logrotate.d/nginx",
    "firstboot": "cat /var/lib/bakery/firstboot.json",
    "firstboot_journal": "journalctl --boot --quiet --output=cat --unit=bakery-firstboot.service",
    "cleanup_timer": "systemctl cat bakery-cleanup.timer; systemctl show -pNextElapseUSecRealtime bakery-cleanup.timer",
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What a command answered: its exit code and both its streams."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Copy:
    """A machine that runs the image."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @cached_property
    def facts(self) -> dict[str, Fact]:
        """What every image is asked, as it is before any test changes something."""
        return self.ask(FACTS)

    def ask(self, questions: Mapping[str, str]) -> dict[str, Fact]:
        """Return what each command answers, all in one go."""
        script = "".join(
            f"text=$({{ {command}; }} 2>&1 </dev/null); printf '%s %s\\n%s\\0' {name} $? \"$text\"\n"
            for name, command in questions.items()
        )
        answers = self.run(script).split("\0")[:-1]
        facts = {}
        for answer in answers:
            head, _, text = answer.partition("\n")
            name, code = head.split()
            facts[name] = Fact(code=int(code), text=text)
        return facts

    @cached_property
    def settings(self) -> dict[str, str]:
        """What the image says it was made with."""
        return read_settings(self.facts["image_env"].text)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Every installed package with its version."""
        return dict(line.split("\t") for line in self.facts["packages"].lines)

    @cached_property
    def units(self) -> dict[str, tuple[str, str]]:
        """What each of UNITS is now and at boot, e.g. ("active", "enabled")."""
        blocks = [
            dict(line.split("=", 1) for line in block.splitlines()) for block in self.facts["units"].text.split("\n\n")
        ]
        return {block["Id"]: (block["ActiveState"], block["UnitFileState"]) for block in blocks}

    @cached_property
    def dokku(self) -> dict[str, Fact]:
        """What dokku says, as it is before any test asks it to do something."""
        return self.ask(DOKKU_FACTS)

    def run(self, script: str) -> str:
        """Return what *script* (bash) prints as root; its failure is the test's failure."""
        try:
            done = self.host.run("bash -c %s", script)
        except RuntimeError as error:
            raise AssertionError(f"{self} does not answer: {error.args[0].stderr.strip()}") from None
        assert done.rc == 0, f"exit code {done.rc}\n{done.stdout}{done.stderr}"
        return str(done.stdout)

    def reboot(self, *, deadline_s: float = 900) -> None:
        """Restart the machine and return when it lets us in again."""
        boot = "cat /proc/sys/kernel/random/boot_id"
        before = self.run(f"{boot}; systemd-run --quiet --on-active=1 systemctl reboot")
        ends = time.monotonic() + deadline_s
        while True:
            time.sleep(3)
            try:
                if self.run(boot) != before:
                    return
            except AssertionError:
                assert time.monotonic() < ends, f"{self} did not come back within {deadline_s:g} s"

    def __str__(self) -> str:
        return str(self.host.backend.get_pytest_id())


def read_settings(text: str) -> dict[str, str]:
    """Return the assignments in a settings file (KEY=shell-quoted value)."""
    return {
        name: "".join(shlex.split(value))
        for name, value in re.findall(r"^(BAKERY_\w+)=(.*)$", text, flags=re.MULTILINE)
    }
