"""What a machine tells of itself becomes a manifest; the script itself runs here, on a Debian like those it is for."""

import os
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakery.catalog.record import Made
from bakery.contents import collect
from bakery.contents.manifest import (
    Boot,
    ContainerImage,
    CronEntry,
    Listening,
    Manifest,
    Plugin,
    Privileged,
    Timer,
    User,
)
from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.definition.bases import Arch, BaseName
from bakery.guests import guest
from bakery.guests.guest import Guest

NOW = datetime(2026, 11, 23, 4, 20, tzinfo=UTC)
MADE = Made(
    image="host",
    release="20261123-0415-0123456789ab",
    arch=Arch.AMD64,
    base=BaseName.DEBIAN_12,
    fingerprint="0" * 64,
    size_gb=8,
)
TOLD = {
    "kernel": ["6.1.0-41-cloud-amd64"],
    "virtualization": ["none"],
    "boot": [
        "UserspaceTimestampMonotonic=9100000",
        "FinishTimestampMonotonic=32540000",
        "InitRDTimestampMonotonic=2050000",
    ],
    "packages": ["zlib1g\t1:1.2.13\tamd64\tzlib\t1:1.2.13", "bash\t5.2.15-2+b8\tamd64\tbash\t5.2.15-2"],
    "suites": [
        "bash\tbash (5.2.15-2) bookworm-security; urgency=high",
        "zlib1g\tzlib (1:1.2.12) unstable; urgency=low",
    ],
    "plugins": ["letsencrypt\t" + "c0ffee12" * 5 + "\thttps://github.com/dokku/dokku-letsencrypt.git\t0.20.0"],
    "containers": ["gliderlabs/herokuish:latest\tsha256:12\t<none>"],
    "units": ["ssh.service", "docker.service", "logrotate.timer"],
    "timers": [
        "TimersCalendar={ OnCalendar=*-*-* 00:00:00 ; next_elapse=Sat 2026-11-28 00:00:00 UTC }",
        "Id=logrotate.timer",
        "",
        "TimersMonotonic={ OnUnitActiveUSec=1d ; next_elapse=1d 15min }",
        "TimersMonotonic={ OnBootUSec=15min ; next_elapse=15min }",
        "Id=systemd-tmpfiles-clean.timer",
    ],
    "cron": ["/etc/cron.daily/dpkg\t", "/etc/crontab\t17 *\t* * *\troot  run-parts", "x: No such file"],
    "listening": [
        'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=612,fd=3))',
        'tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=612,fd=4))',
        'udp UNCONN 0 0 10.0.2.15%ens3:68 0.0.0.0:* users:(("systemd-network",pid=300,fd=18))',
        "udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*",
        'tcp LISTEN 0 4096 127.0.0.1:36827 0.0.0.0:* users:(("containerd",pid=700,fd=9))',
        "udp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*",
        "udp UNCONN 0 0 [fe80::5054:ff:fe12:3456]%ens3:546 [::]:*",
    ],
    "passwd": ["root:x:0:0:root:/root:/bin/bash", "dokku:x:1001:1001::/home/dokku:/bin/bash"],
    "groups": ["root:x:0:", "docker:x:999:dokku,debian", "adm:x:4:dokku"],
    "privileged": ["4755\troot:root\t/usr/bin/sudo", "755\troot:root\t/usr/bin/odd"],
    "sizes": ["100\t/usr/bin", "30\t/usr/bin/x11", "40\t/usr/share", "150\t/usr", "20\t/etc/ssl", "50\t/etc", "210\t/"],
}


@pytest.fixture(scope="module")
def found() -> Manifest:
    return collect.manifest(TOLD, MADE, machine="kvm", now=NOW)


def test_it_says_which_release_it_is_of_and_who_told(found: Manifest) -> None:
    assert (found.image, found.release, found.arch, found.base) == ("host", MADE.release, "amd64", "debian-12")
    assert (found.asked_at, found.machine, found.kernel) == (NOW, "kvm", "6.1.0-41-cloud-amd64")


def test_packages_have_their_source_and_are_sorted(found: Manifest) -> None:
    bash, zlib = found.packages
    assert (bash.name, bash.version, bash.source, bash.source_version) == ("bash", "5.2.15-2+b8", "bash", "5.2.15-2")
    assert (zlib.source, zlib.source_version) == ("zlib", "1:1.2.13")


def test_a_changelog_tells_the_suite_of_its_own_version_alone(found: Manifest) -> None:
    assert [(one.suite, one.is_security) for one in found.packages] == [("bookworm-security", True), ("", False)]


def test_plugins_and_container_images_are_told(found: Manifest) -> None:
    url = "https://github.com/dokku/dokku-letsencrypt.git"
    assert found.plugins == (Plugin(name="letsencrypt", commit="c0ffee12" * 5, url=url, version="0.20.0"),)
    assert found.containers == (ContainerImage(name="gliderlabs/herokuish:latest", id="sha256:12"),)


def test_units_are_those_that_are_no_timers_and_timers_say_when_they_are_due(found: Manifest) -> None:
    assert found.units == ("docker.service", "ssh.service")
    assert found.timers == (
        Timer(unit="logrotate.timer", due=("OnCalendar=*-*-* 00:00:00",)),
        Timer(unit="systemd-tmpfiles-clean.timer", due=("OnBootUSec=15min", "OnUnitActiveUSec=1d")),
    )


def test_cron_has_lines_and_scripts(found: Manifest) -> None:
    script, line = found.cron
    assert script == CronEntry(file="/etc/cron.daily/dpkg")
    assert line == CronEntry(file="/etc/crontab", line="17 * * * * root run-parts")


def test_the_machines_own_addresses_are_no_part_of_a_release(found: Manifest) -> None:
    assert found.listening == (
        Listening(protocol="tcp", address="0.0.0.0", port=22, program="sshd"),
        Listening(protocol="tcp", address="127.0.0.1", port=0, program="containerd"),
        Listening(protocol="tcp", address="[::]", port=22, program="sshd"),
        Listening(protocol="udp", address="0.0.0.0", port=51820),
        Listening(protocol="udp", address="127.0.0.53", port=53),
        Listening(protocol="udp", address="own", port=68, program="systemd-network"),
        Listening(protocol="udp", address="own", port=546),
    )


def test_users_have_their_groups(found: Manifest) -> None:
    dokku, root = found.users
    assert dokku == User(name="dokku", uid=1001, shell="/bin/bash", groups=("adm", "docker"))
    assert root.groups == ()


def test_modes_have_four_digits(found: Manifest) -> None:
    assert found.privileged == (
        Privileged(path="/usr/bin/odd", mode="0755", owner="root:root"),
        Privileged(path="/usr/bin/sudo", mode="4755", owner="root:root"),
    )


def test_the_sizes_of_directories_add_up(found: Manifest) -> None:
    assert found.directories == {"/": 10, "/etc": 50, "/usr": 10, "/usr/bin": 100, "/usr/share": 40}
    assert found.bytes == 210


def test_a_boot_is_told_in_seconds_since_the_kernels_start(found: Manifest) -> None:
    assert found.boot == Boot(total_s=32.5, kernel_s=2.0, initrd_s=7.0)


@pytest.mark.parametrize("lines", [[], ["UserspaceTimestampMonotonic=9100000", "FinishTimestampMonotonic=0"]])
def test_a_boot_that_has_not_ended_has_no_time(lines: list[str]) -> None:
    assert collect.boot(lines) is None


def test_the_boot_of_a_container_is_not_the_images() -> None:
    assert (
        collect.manifest({**TOLD, "virtualization": ["systemd-nspawn"]}, MADE, machine="native", now=NOW).boot is None
    )


def test_what_ssh_and_sudo_say_before_it_is_nothing_of_it() -> None:
    said = "sudo: unable to resolve host\n\0kernel\n6.1\n\0cron\n\0end\n"
    assert collect.answers(said) == {"kernel": ["6.1"], "cron": [], "end": []}


@pytest.mark.parametrize("said", ["", "bash: line 7: syntax error", "\0kernel\n6.1\n\0packages\n"])
def test_a_machine_that_does_not_come_to_its_end_is_told_of(said: str) -> None:
    with pytest.raises(BakeryError, match="did not tell all that it holds"):
        collect.answers(said)


def shortened(folder: Path) -> Path:
    """Let what goes over all of a disk go over programs alone: an image has 2 GB, and this machine may have a lot."""
    for name in ("du", "find"):
        program = folder / name
        program.write_text(
            '#!/bin/bash\nfor one in "$@"; do [[ $one != / ]] || one=/usr/bin; args+=("$one"); done\n'
            f'exec {shutil.which(name)} "${{args[@]}}"\n'
        )
        program.chmod(0o755)
    return folder


SYSTEMCTL = """#!/bin/bash
case $* in
    *Wants*) echo b.timer other.service ;;
    *TimersCalendar*) printf 'TimersCalendar={ OnCalendar=daily ; next_elapse=x }\\nId=%s\\n\\n' "${@:3}" ;;
    *Timestamp*) echo FinishTimestampMonotonic=12000000 ;;
esac
"""
"""A stand-in for systemctl: systemd runs nowhere in a check but in machines, which tests/slow asks for real."""


def with_systemctl(folder: Path, script: str, patch: pytest.MonkeyPatch) -> Guest:
    """Return this machine as one that is asked, where systemctl is a script."""
    (folder / "systemctl").write_text(script)
    (folder / "systemctl").chmod(0o755)
    patch.setattr(guest, "ssh_argv", lambda _one, *command: [*command[command[0] == "sudo" :]])
    patch.setenv("PATH", f"{shortened(folder)}:{os.environ['PATH']}")
    return Guest(name="here", ssh_config=folder, console=folder, log=folder)


def test_a_part_that_cannot_be_told_ends_the_whole_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As an emulated machine did: half a list would be taken for what changed."""
    failing = SYSTEMCTL.replace("*Wants*) ", "*Wants*) echo 'Connection timed out' >&2; exit 1 ;;\n    never) ")
    here = with_systemctl(tmp_path, failing, monkeypatch)
    with pytest.raises(BakeryError, match="timers: Connection timed out"):
        collect.of(here, MADE, machine="here")


def test_a_machine_that_hangs_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = with_systemctl(tmp_path, "#!/bin/sh\nexec sleep 30\n", monkeypatch)
    monkeypatch.setattr(collect, "LIMIT_S", 1)
    with pytest.raises(BakeryError, match="timeout ended with exit code 124"):
        collect.of(here, MADE, machine="here")


def test_the_script_tells_this_machine_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = with_systemctl(tmp_path, SYSTEMCTL, monkeypatch)
    with socket.create_server(("127.0.0.1", 0)):
        found = collect.of(here, MADE, machine="here")
    ours = [one for one in found.listening if (one.protocol, one.address, one.port) == ("tcp", "127.0.0.1", 0)]
    assert any(one.program.startswith("py") for one in ours), ours
    installed = process.run(["dpkg-query", "-W", "-f=${Version}", "bash"]).output
    assert ("bash", installed) in {(one.name, one.version) for one in found.packages}
    assert found.kernel == process.run(["uname", "-r"]).output
    assert ("root", 0) in {(one.name, one.uid) for one in found.users}
    assert "/usr/bin/passwd" in {one.path for one in found.privileged}
    assert found.directories["/usr/bin"] > 1e6, found.directories
    links = {path.name for path in Path("/etc/systemd/system").glob("*.wants/*")}
    assert {one for one in links if not one.endswith(".timer")} <= {*found.units}
    assert ("b.timer", ("OnCalendar=daily",)) in {(one.unit, one.due) for one in found.timers}
