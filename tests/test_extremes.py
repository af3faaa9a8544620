"""The extreme values of every key with a range: what the steps are told of them, or why they are refused."""

from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases
from bakery.definition.aws import Aws
from bakery.definition.layers import chain, effective
from bakery.packer.settings import settings
from tests.definition.test_model import fields

COMMIT = "c0ffee12" * 5
LONGEST_NAME = "n" * 40


def image(folder: Path, text: str, name: str = "shop") -> tuple[dict[str, str], Any]:
    (folder / f"{name}.toml").write_text(text)
    layers = chain(name, folder=folder)
    whole = effective(layers)
    base = bases.base("debian-12")
    return settings(layers, base, fingerprint="f", release="r", build_user="u"), whole


TOLD = {
    "disk.size_gb = 8": {"BAKERY_SWAP_GB": "2", "BAKERY_BALLAST_MB": "512"},
    "disk.size_gb = 16384": {"BAKERY_SWAP_GB": "2", "BAKERY_BALLAST_MB": "512"},
    "disk.swap_gb = 0": {"BAKERY_SWAP_GB": "0"},
    "disk.swap_gb = 16": {"BAKERY_SWAP_GB": "16"},
    "disk = { size_gb = 16384, swap_gb = 7616 }": {"BAKERY_SWAP_GB": "7616"},
    "disk.ballast_mb = 0": {"BAKERY_BALLAST_MB": "0"},
    "disk.ballast_mb = 1": {"BAKERY_BALLAST_MB": "1"},
    "disk = { swap_gb = 0, ballast_mb = 0 }": {"BAKERY_SWAP_GB": "0", "BAKERY_BALLAST_MB": "0"},
    "disk = { swap_gb = 0, ballast_mb = 17896 }": {"BAKERY_BALLAST_MB": "17896"},
    "cleanup.keep = '1h'": {"BAKERY_CLEANUP_KEEP_HOURS": "1"},
    "cleanup.keep = '8760h'": {"BAKERY_CLEANUP_KEEP_HOURS": "8760"},
    "cleanup.keep = '365d'": {"BAKERY_CLEANUP_KEEP_HOURS": "8760"},
    "cleanup.keep = '52w'": {"BAKERY_CLEANUP_KEEP_HOURS": "8736"},
    "health.port = 1": {"BAKERY_HEALTH_PORT": "1"},
    "health.port = 65535": {"BAKERY_HEALTH_PORT": "65535"},
    "health.interval_s = 5": {"BAKERY_HEALTH_INTERVAL_S": "5"},
    "health.interval_s = 3600": {"BAKERY_HEALTH_INTERVAL_S": "3600"},
    "health.degraded_code = 200": {"BAKERY_HEALTH_DEGRADED_CODE": "200"},
    "health.degraded_code = 503": {"BAKERY_HEALTH_DEGRADED_CODE": "503"},
    "steps = []": {"BAKERY_STEPS": "record seal check", "BAKERY_DOCKER_PACKAGES": "", "BAKERY_NGINX_PACKAGES": ""},
    "packages = []": {"BAKERY_PACKAGES": ""},
    "plugins = []": {"BAKERY_PLUGINS": ""},
    "ssh = { keys = {}, login = [] }": {"BAKERY_SSH_KEYS": ""},
    "nginx.version = {}": {"BAKERY_NGINX_PACKAGES": "nginx"},
    "nginx.version = '*'": {"BAKERY_NGINX_PACKAGES": "nginx"},
    "docker.version = '?'": {"BAKERY_DOCKER_PACKAGES": "docker.io=?"},
}
"""The least, the greatest and nothing, and what steps and the machine's programs are told."""

REFUSED = {
    "disk.size_gb = 0": "disk.size_gb",
    "disk.size_gb = 7": "disk.size_gb",
    "disk.size_gb = 16385": "disk.size_gb",
    "disk.swap_gb = -1": "disk.swap_gb",
    "disk.swap_gb = 17": "disk.ballast_mb",
    "disk.swap_gb = 18": "disk.swap_gb",
    "disk = { size_gb = 8, swap_gb = 3 }": "disk.swap_gb",
    "disk.ballast_mb = -1": "disk.ballast_mb",
    "disk = { swap_gb = 0, ballast_mb = 17897 }": "disk.ballast_mb",
    "disk = { size_gb = 16384, swap_gb = 7618 }": "disk.swap_gb",
    f"disk.swap_gb = {2**63}": "disk.swap_gb",
    "cleanup.keep = '0h'": "cleanup.keep",
    "cleanup.keep = '8761h'": "cleanup.keep",
    "cleanup.keep = '366d'": "cleanup.keep",
    "cleanup.keep = '53w'": "cleanup.keep",
    "cleanup.keep = '9999999999h'": "cleanup.keep",
    "health.port = 0": "health.port",
    "health.port = -1": "health.port",
    "health.port = 22": "health.port",
    "health.port = 53": "health.port",
    "health.port = 80": "health.port",
    "health.port = 443": "health.port",
    "health.port = 65536": "health.port",
    "health.interval_s = 0": "health.interval_s",
    "health.interval_s = 4": "health.interval_s",
    "health.interval_s = 3601": "health.interval_s",
    "health.degraded_code = 0": "health.degraded_code",
    "nginx.version = ''": "nginx.version",
    "cleanup.schedule = ''": "cleanup.schedule",
    "dokku.version = ''": "dokku.version",
    "packages = ['']": "packages.0",
    "packages = ['x']": "packages.0",
    "plugins = [{}]": "plugins.0",
    "releases.keep = 0": "releases.keep",
    "releases.keep = 1001": "releases.keep",
    "aws.deprecate_after_days = 0": "aws.deprecate_after_days",
    "aws.deprecate_after_days = 3651": "aws.deprecate_after_days",
    "aws = { share_with = ['public'], deprecate_after_days = 731 }": "aws.deprecate_after_days",
    "aws.launch_template = 'ab'": "aws.launch_template",
    "aws.parameters = ''": "aws.parameters",
    "aws.parameters = '/'": "aws.parameters",
}


@pytest.mark.parametrize("text", TOLD)
def test_the_steps_are_told_the_extremes(text: str, tmp_path: Path) -> None:
    told, _ = image(tmp_path, text)
    assert {name: told[name] for name in TOLD[text]} == TOLD[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_beyond_them_is_refused_by_its_key(text: str, tmp_path: Path) -> None:
    with pytest.raises(BakeryError) as caught:
        image(tmp_path, text)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert all(f"/shop.toml: {REFUSED[text]}" in line for line in caught.value.message.splitlines())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("deprecate_after_days", 1),
        ("deprecate_after_days", 3650),
        ("regions", ()),
        ("share_with", ()),
        ("launch_template", "abc"),
        ("launch_template", "n" * 128),
    ],
)
def test_aws_is_told_the_extremes(key: str, value: object) -> None:
    assert getattr(Aws.model_validate({key: value}), key) == value


@pytest.mark.parametrize("keep", [1, 1000])
def test_prune_is_told_the_extremes(keep: int, tmp_path: Path) -> None:
    _, whole = image(tmp_path, f"releases.keep = {keep}")
    assert whole.releases.keep == keep


def test_the_longest_name_and_description_are_told_whole(tmp_path: Path) -> None:
    told, whole = image(tmp_path, f'description = "{"d" * 255}"', name=LONGEST_NAME)
    assert told["BAKERY_IMAGE"] == LONGEST_NAME
    assert whole.description == "d" * 255


def test_every_number_is_tried_at_its_extremes() -> None:
    numbers = {key for key, default in fields().items() if isinstance(default, int) and not isinstance(default, bool)}
    tried = " ".join([*TOLD, *REFUSED])
    assert numbers
    assert {key for key in numbers if key.rpartition(".")[2] not in tried} == set()
