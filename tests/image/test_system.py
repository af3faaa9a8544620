"""The operating system: up without a failure, in UTC, patching itself without touching what apps hang on."""

import re

import pytest

from tests.image.copy import Copy


@pytest.mark.boot
def test_the_machine_is_up_and_no_unit_failed(each: Copy) -> None:
    assert each.facts["failed_units"].text == ""
    assert each.facts["booted"].text == "running"


@pytest.mark.platform
@pytest.mark.throwaway
def test_cloud_init_ended_well(each: Copy) -> None:
    assert each.facts["cloud_init"].json["v1"]["errors"] == []


def test_cloud_init_looks_at_our_platforms_only(each: Copy) -> None:
    assert each.facts["datasources"].text == "datasource_list: [NoCloud, ConfigDrive, Ec2, Scaleway, None]"


def test_the_full_host_name_resolves(each: Copy) -> None:
    assert each.facts["hostname"].code == 0, each.facts["hostname"].text


def test_the_clock_is_utc(each: Copy) -> None:
    assert each.facts["timezone"].lines[0] == "UTC"


def listening(copy: Copy, protocol: str) -> set[int]:
    """Return the ports of a protocol that are open to other machines."""
    lines = [line.split() for line in copy.facts["listening"].lines]
    there = [address.rpartition(":") for netid, _, _, _, address, *_ in lines if netid == protocol]
    return {int(port) for host, _, port in there if not re.match(r"127\.|\[::1\]|\[::ffff:127\.", host)}


def test_only_sshd_and_nginx_listen_to_the_world(each: Copy, settings: dict[str, str]) -> None:
    assert listening(each, "tcp") <= {22, 80, 443, int(settings["BAKERY_HEALTH_PORT"])}


def test_no_name_is_asked_or_told_by_multicast(each: Copy) -> None:
    assert {"LLMNR=no", "MulticastDNS=no"} <= set(each.facts["resolved"].lines)
    assert not {5353, 5355} & (listening(each, "udp") | listening(each, "tcp"))


def test_the_definitions_packages_are_installed(each: Copy, settings: dict[str, str]) -> None:
    assert set(settings["BAKERY_PACKAGES"].split()) <= each.versions.keys()


def test_kernel_headers_and_old_kernels_are_gone(each: Copy) -> None:
    packages = each.facts["kernels"].lines
    assert len([name for name in packages if re.fullmatch(r"linux-image-\d.*", name)]) == 1, packages
    assert not [name for name in packages if re.match(r"linux-(headers|source)-", name)]
    assert each.facts["sources"].text == ""


def apt_values(copy: Copy, key: str) -> list[str]:
    return re.findall(rf'^{re.escape(key)}(?:::)? "(.+)";$', copy.facts["apt_config"].text, flags=re.MULTILINE)


def test_security_updates_come_by_themselves(each: Copy) -> None:
    assert apt_values(each, "APT::Periodic::Unattended-Upgrade") == ["1"]
    assert apt_values(each, "APT::Periodic::Update-Package-Lists") == ["1"]
    assert each.units["apt-daily.timer"] == each.units["apt-daily-upgrade.timer"] == ("active", "enabled")
    origins = apt_values(each, "Unattended-Upgrade::Origins-Pattern")
    assert [origin for origin in origins if "security" in origin.lower()]
    assert apt_values(each, "Unattended-Upgrade::Allowed-Origins") == []


@pytest.mark.parametrize(
    "package",
    [
        *("docker.io", "docker-ce", "docker-ce-cli", "docker-buildx-plugin", "containerd", "containerd.io", "runc"),
        *("nginx", "nginx-common", "libnginx-mod-stream"),
        *("dokku", "dokku-event-listener", "plugn", "sshcommand", "herokuish"),
    ],
)
def test_security_updates_leave_alone(first: Copy, package: str) -> None:
    patterns = apt_values(first, "Unattended-Upgrade::Package-Blacklist")
    assert any(re.match(pattern, package) for pattern in patterns), patterns


def test_security_updates_take_all_else(first: Copy) -> None:
    patterns = apt_values(first, "Unattended-Upgrade::Package-Blacklist")
    for package in ("openssl", "linux-image-cloud-amd64", "openssh-server", "curl", "runit-helper"):
        assert not [pattern for pattern in patterns if re.match(pattern, package)]


def test_security_updates_never_reboot(each: Copy) -> None:
    assert apt_values(each, "Unattended-Upgrade::Automatic-Reboot") == ["false"]
