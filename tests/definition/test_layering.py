"""Every key takes effect where it is set (without layers below, in a layer, in a layer of a layer) or is refused."""

import base64
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers, sshkeys
from bakery.definition.bases import Arch
from bakery.definition.choices import DEFAULT_STEPS, Step
from bakery.definition.layers import chain, effective, names, whole
from bakery.definition.model import Definition
from bakery.local import packer_input
from bakery.packer import fingerprint
from bakery.packer.engine import Packer
from bakery.packer.settings import settings
from tests.definition.test_model import fields

COMMIT = "c0ffee12" * 5
BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)
PUBLIC_KEY = f"ssh-ed25519 {base64.b64encode(BLOB).decode()}"
KEY_ID = "12345678-1234-1234-1234-123456789012"
KMS = f'kms_keys = {{ "eu-west-2" = "arn:aws:kms:eu-west-2:123456789012:key/{KEY_ID}" }}'
PLUGIN = f'name = "redis"\nurl = "https://x.example/redis"\ncommit = "{COMMIT}"'
MIRROR = 'archive = "https://x.example"'
KEYS = {
    "description": 'description = "other words"',
    "base": 'base = "debian-13"',
    "arch": 'arch = "arm64"',
    "from": 'from = "other"',
    "steps": 'steps = ["system", "docker"]',
    "packages": 'packages = ["htop"]',
    "disk.size_gb": "[disk]\nsize_gb = 50",
    "disk.swap_gb": "[disk]\nswap_gb = 3",
    "disk.ballast_mb": "[disk]\nballast_mb = 7",
    "docker.source": '[docker]\nsource = "docker.com"',
    "docker.version": '[docker]\nversion = "20.10.*"',
    "docker.archive": f"[docker]\n{MIRROR}",
    "docker.archive_key": f'[docker]\n{MIRROR}\narchive_key = "{"AB" * 20}"',
    "nginx.source": '[nginx]\nsource = "nginx.org"',
    "nginx.channel": '[nginx]\nsource = "nginx.org"\nchannel = "mainline"',
    "nginx.version": '[nginx]\nversion = "1.22.*"',
    "nginx.archive": f'[nginx]\nsource = "nginx.org"\n{MIRROR}',
    "nginx.archive_key": f'[nginx]\nsource = "nginx.org"\n{MIRROR}\narchive_key = "{"AB" * 20}"',
    "ssh.root_login": '[ssh]\nroot_login = "no"',
    "ssh.keys": f'[ssh]\nkeys = {{ ci = "{PUBLIC_KEY}" }}',
    "ssh.login": f'[ssh]\nkeys = {{ ci = "{PUBLIC_KEY}" }}\nlogin = ["ci"]',
    "cleanup.schedule": '[cleanup]\nschedule = "Mon *-*-* 03:00:00"',
    "cleanup.keep": '[cleanup]\nkeep = "3d"',
    "health.port": "[health]\nport = 9000",
    "health.interval_s": "[health]\ninterval_s = 60",
    "health.degraded_code": "[health]\ndegraded_code = 503",
    "dokku.version": '[dokku]\nversion = "0.39.1"',
    "dokku.archive": f"[dokku]\n{MIRROR}",
    "dokku.archive_key": f'[dokku]\n{MIRROR}\narchive_key = "{"AB" * 20}"',
    "dokku.herokuish": "[dokku]\nherokuish = true",
    "plugins.name": f"[[plugins]]\n{PLUGIN}",
    "plugins.url": f"[[plugins]]\n{PLUGIN}",
    "plugins.commit": f"[[plugins]]\n{PLUGIN}",
    "plugins.pull": f"[[plugins]]\n{PLUGIN}\npull = true",
    "aws.regions": '[aws]\nregions = ["eu-west-2"]',
    "aws.instance_type": '[aws]\ninstance_type = "t3.large"',
    "aws.login": '[aws]\nlogin = "ssm"\ninstance_profile = "judges"',
    "aws.instance_profile": '[aws]\ninstance_profile = "judges"',
    "aws.subnet": '[aws]\nsubnet = "subnet-0123abcd"',
    "aws.vpc": '[aws]\nvpc = "vpc-0123abcd"',
    "aws.subnet_filter": '[aws]\nsubnet_filter = { "tag:Name" = "build" }',
    "aws.allow_from": '[aws]\nallow_from = ["203.0.113.0/24"]',
    "aws.tags": '[aws]\ntags = { team = "web" }',
    "aws.spot": "[aws]\nspot = true",
    "aws.encrypt": "[aws]\nencrypt = true",
    "aws.kms_keys": f"[aws]\nencrypt = true\n{KMS}",
    "aws.share_with": '[aws]\nshare_with = ["123456789012"]',
    "aws.deprecate_after_days": "[aws]\ndeprecate_after_days = 90",
    "aws.protect": "[aws]\nprotect = false",
    "aws.parameters": '[aws]\nparameters = "/elsewhere"',
    "aws.launch_template": '[aws]\nlaunch_template = "nodes"',
    "releases.keep": "[releases]\nkeep = 5",
    "scaleway.zones": '[scaleway]\nzones = ["fr-par-1"]',
    "scaleway.instance_type": '[scaleway]\ninstance_type = "DEV1-M"',
    "scaleway.volume_type": '[scaleway]\nvolume_type = "l_ssd"',
    "scaleway.buckets": '[scaleway]\nbuckets = { "fr-par" = "images" }',
    "scaleway.allow_from": '[scaleway]\nallow_from = ["203.0.113.0/24"]',
    "scaleway.tags": '[scaleway]\ntags = { team = "web" }',
}
"""Every key, as a file would say it, with what it cannot be without."""

BELOW = {
    "alone": {},
    "layer": {"host": "", "other": ""},
    "layer of a layer": {"host": "", "other": "", "dokku": 'from = "host"\n[dokku]'},
}
FROM = {"alone": "", "layer": 'from = "host"', "layer of a layer": 'from = "dokku"'}
STEPS_GIVEN = {"": "", "few steps": "steps = []"}
INSTALLED = {"docker.source", "docker.archive", "docker.archive_key", "nginx.source", "nginx.channel"} | {
    *("nginx.archive", "nginx.archive_key"),
}
REFUSED: dict[tuple[str, str], set[str]] = {
    ("alone", ""): {"docker.archive", "docker.archive_key"},
    ("layer", ""): INSTALLED,
    ("layer of a layer", ""): {*INSTALLED, "dokku.archive", "dokku.archive_key"},
    ("alone", "few steps"): {key for key in KEYS if not key.startswith(("releases.", "aws.", "scaleway."))}
    - {
        *("description", "base", "arch", "from", "steps", "disk.size_gb"),
    },
}
REFUSED["layer", "few steps"] = REFUSED["alone", "few steps"] - {
    *("disk.swap_gb", "disk.ballast_mb", "ssh.keys", "ssh.login", "cleanup.keep"),
}
REFUSED["layer of a layer", "few steps"] = REFUSED["layer", "few steps"]


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def read_by(chained: list[Definition]) -> set[str]:
    """Return the settings that a step of the topmost layer reads, or that a program reads from the layer's record."""
    own = [path for path in fingerprint.provision_files(chained[-1]) if path.name[0].isdigit()]
    steps = {path for layer in chained for path in fingerprint.provision_files(layer)}
    programs = [path for path in steps if path.parent.name == "files" and path.name.startswith("bakery-")]
    lines = [line for path in (*own, *programs) for line in path.read_text().splitlines()[:3]]
    return {name for line in lines if line.startswith("# Needs:") for name in re.findall(r"BAKERY_[A-Z_]+", line)}


def effects(folder: Path) -> dict[str, Any]:
    """Return all that an image's definition decides, as far as anything in its topmost layer can see it."""
    chained = chain("shop", folder=folder)
    image = whole("shop", folder=folder)
    base = bases.base(image.base)
    keys = sshkeys.resolve(image, folder=folder)
    told, seen = settings(chained, base, fingerprint="f", release="r", build_user="u", keys=keys), read_by(chained)
    return {
        **{name: value for name, value in told.items() if name in seen},
        **packer_input.packer_files(image, base, packer=Packer(version=(1, 7, 0))),
        "base": base.name,
        "arch": {layer.arch for layer in chained},
        "layers": [layer.name for layer in chained],
        "steps": chained[-1].steps,
        "releases": image.releases.model_dump(),
        "aws": image.aws.model_dump(),
        "scaleway": image.scaleway.model_dump(),
    }


def settings_of(folder: Path) -> dict[str, str]:
    chained = chain("shop", folder=folder)
    base = bases.base(effective(chained).base)
    return settings(chained, base, fingerprint="f", release="r", build_user="u")


def test_every_key_is_tried() -> None:
    assert sorted(KEYS) == sorted(fields())


Before = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Return what all is like in some place with such a beginning, which many keys share."""

    @functools.cache
    def effects_of(place: str, beginning: str) -> dict[str, Any]:
        folder = write(tmp_path_factory.mktemp("without"), {**BELOW[place], "other": "", "shop": beginning})
        return {**settings_of(folder), **effects(folder)}

    return effects_of


@pytest.mark.parametrize("given", STEPS_GIVEN)
@pytest.mark.parametrize("place", BELOW)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_takes_effect_where_it_is_set_or_is_refused(
    key: str, place: str, given: str, before: Before, tmp_path: Path
) -> None:
    beginning = [FROM[place] if key != "from" else "", STEPS_GIVEN[given] if key != "steps" else ""]
    with_key = write(tmp_path / "with", {**BELOW[place], "other": "", "shop": "\n".join([*beginning, KEYS[key]])})
    if key in REFUSED[place, given]:
        with pytest.raises(BakeryError, match=rf"shop\.toml: {key.partition('.')[0]}") as caught:
            chain("shop", folder=with_key)
        assert caught.value.exit_code is ExitCode.IMPOSSIBLE
        return
    without = before(place, "\n".join(beginning))
    changed = {name for name, value in effects(with_key).items() if without[name] != value}
    assert changed - ({"steps", "BAKERY_STEPS"} if key not in {"steps", "from"} else set())


def steps(folder: Path, text: str, **below: str) -> list[str]:
    write(folder, {**below, "shop": text})
    return [step.value for step in chain("shop", folder=folder)[-1].steps]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ('description = "the same"\n[releases]\nkeep = 5', []),
        ('packages = ["htop"]', ["system"]),
        ("[disk]\nsize_gb = 50", []),
        ("[disk]\nswap_gb = 4", []),
        ('[nginx]\nversion = "1.22.*"', ["nginx"]),
        ("[ssh]\nroot_login = 'no'", ["ssh"]),
        (f"[ssh]\nkeys = {{ ci = '{PUBLIC_KEY}' }}", []),
        ("[cleanup]\nkeep = '3d'", []),
        ("[dokku]", ["dokku"]),
        (f"[[plugins]]\n{PLUGIN}", ["dokku", "plugins"]),
        (
            f"packages = ['htop']\n[health]\nport = 9000\n[[plugins]]\n{PLUGIN}",
            ["system", "health", "dokku", "plugins"],
        ),
        (f"[docker]\n{MIRROR}\n[dokku]", ["dokku"]),
        ("packages = []\nplugins = []\n[ssh]\nkeys = {}\nlogin = []", []),
    ],
)
def test_the_steps_of_a_layer_follow_from_what_it_sets(text: str, expected: list[str], tmp_path: Path) -> None:
    assert steps(tmp_path, f'from = "host"\n{text}', host="") == expected


def test_a_layer_on_dokku_just_says_what_differs(tmp_path: Path) -> None:
    text = f"from = 'dokku'\n[nginx]\nversion = '1.22.*'\n[[plugins]]\n{PLUGIN}"
    assert steps(tmp_path, text) == ["nginx", "plugins"]


def test_an_image_without_layers_below_has_the_usual_steps_and_those_of_its_tables(tmp_path: Path) -> None:
    assert steps(tmp_path, "[dokku]") == [*DEFAULT_STEPS, Step.DOKKU]


def test_steps_bring_those_they_need_unless_a_layer_below_has_them(tmp_path: Path) -> None:
    text = "from = 'low'\n[health]\nport = 9000"
    assert steps(tmp_path, text, low="steps = ['system']") == ["nginx", "health"]
    assert steps(tmp_path, text, low="steps = ['nginx']") == ["health"]


def test_settings_of_a_layer_whose_program_is_not_there_bring_its_step(tmp_path: Path) -> None:
    assert steps(tmp_path, "from = 'low'\ndisk.swap_gb = 4", low="steps = ['system']") == ["disk"]


def refusal(folder: Path, text: str, **below: str) -> tuple[str, str]:
    write(folder, {**below, "shop": text})
    with pytest.raises(BakeryError) as caught:
        chain("shop", folder=folder)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value.message.removeprefix(f"{folder}/shop.toml: "), caught.value.hint


@pytest.mark.parametrize(
    ("below", "text", "problem", "hint"),
    [
        (
            "",
            "docker.source = 'docker.com'",
            "docker.source: a layer below has installed docker with 'distro'",
            "what is installed is not exchanged: set it there",
        ),
        (
            "[nginx]\nsource = 'nginx.org'",
            "nginx.channel = 'mainline'",
            "nginx.channel: a layer below has installed nginx with 'stable'",
            "what is installed is not exchanged: set it there",
        ),
        (
            "dokku.herokuish = true",
            "dokku.herokuish = false",
            "dokku.herokuish: a layer below has installed herokuish, which stays",
            "",
        ),
        (
            "disk.size_gb = 50",
            "disk.size_gb = 40",
            "disk.size_gb: 40 GB is less than the 50 GB of the layer below",
            "a disk only grows",
        ),
        (
            f"[[plugins]]\n{PLUGIN}",
            f"[[plugins]]\n{PLUGIN.replace('x.example', 'y.example')}",
            "plugins.0.url: a layer below has 'redis' from https://x.example/redis",
            "",
        ),
        (
            f"[[plugins]]\n{PLUGIN}",
            f"[[plugins]]\n{PLUGIN}\npull = true",
            "plugins.0.pull: a layer below has installed 'redis' at that commit already",
            "",
        ),
        (
            "disk.size_gb = 20",
            "disk.swap_gb = 18",
            "disk.swap_gb: 18 GB swap and 512 MB ballast are more than half of what 20 GB have free, 8373 MB",
            "",
        ),
        (
            f"ssh.keys = {{ alice = '{PUBLIC_KEY}' }}",
            "ssh.login = ['alic']",
            "ssh.login: there is no key 'alic' in ssh.keys",
            "did you mean 'alice'?",
        ),
        (
            "aws.share_with = ['public']",
            "aws.encrypt = true",
            "aws.encrypt: an encrypted image cannot be public",
            "encrypt = false",
        ),
    ],
)
def test_what_a_layer_cannot_change_any_more_is_refused(
    below: str, text: str, problem: str, hint: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, f"from = 'low'\n{text}", low=below) == (problem, hint)


def test_a_layer_may_say_again_how_large_the_disk_is_and_leave_the_rest_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, {"low": "disk.size_gb = 50\ndokku.herokuish = true", "shop": "from = 'low'\ndisk.size_gb = 50"})
    shop = whole("shop", folder=tmp_path)
    assert (shop.disk.size_gb, shop.dokku.herokuish) == (50, True)


def test_what_fits_the_layers_below_alone_is_not_refused(tmp_path: Path) -> None:
    low = f"disk.size_gb = 200\nssh.keys = {{ ci = '{PUBLIC_KEY}' }}"
    write(tmp_path, {"low": low, "shop": "from = 'low'\ndisk.swap_gb = 60\nssh.login = ['ci']"})
    shop = whole("shop", folder=tmp_path)
    assert (shop.disk.size_gb, shop.disk.swap_gb, shop.ssh.login) == (200, 60, ("ci",))


def test_another_plugin_commit_is_an_update(tmp_path: Path) -> None:
    newer = PLUGIN.replace(COMMIT, "ab" * 20)
    assert steps(tmp_path, f"from = 'low'\n[[plugins]]\n{newer}", low=f"[[plugins]]\n{PLUGIN}") == ["plugins"]
    assert [plugin.commit for plugin in whole("shop", folder=tmp_path).plugins] == ["ab" * 20]


LAYERS = {
    "low": 'packages = ["curl"]\n[disk]\nsize_gb = 20\n[health]\nport = 9000\n[nginx]\nversion = "1.22.*"',
    "shop": 'from = "low"\npackages = ["htop"]\n[disk]\nswap_gb = 1\n[docker]\narchive = "https://x.example"\n[dokku]',
}


def test_what_a_layer_leaves_open_is_as_the_layers_below_say(tmp_path: Path) -> None:
    shop = whole("shop", folder=write(tmp_path, LAYERS))
    assert (shop.name, shop.packages) == ("shop", ("curl", "htop"))
    assert (shop.disk.size_gb, shop.disk.swap_gb, shop.disk.ballast_mb) == (20, 1, 512)
    assert (shop.health.port, shop.nginx.version, shop.docker.archive) == (9000, "1.22.*", "https://x.example")
    assert {Step.SYSTEM, Step.DOKKU} < set(shop.steps)


def test_tables_of_names_are_merged_name_by_name(tmp_path: Path) -> None:
    other = PLUGIN.replace("redis", "postgres")
    low = f"nginx.version = '1.22.*'\nssh.keys.ci = '{PUBLIC_KEY}'\n[[plugins]]\n{PLUGIN}"
    own = f"from = 'low'\nnginx.version = {{ 'debian-13' = '1.26.*' }}\nssh.keys.me = 'me.pub'\n[[plugins]]\n{other}"
    shop = whole("shop", folder=write(tmp_path, {"low": low, "shop": own}))
    versions = [shop.nginx.version_for(name) for name in ("debian-12", "debian-13")]
    assert versions == ["1.22.*", "1.26.*"]
    assert list(shop.ssh.keys) == ["ci", "me"]
    assert [plugin.name for plugin in shop.plugins] == ["redis", "postgres"]


def test_the_topmost_layer_that_names_a_processor_decides_for_all(tmp_path: Path) -> None:
    write(tmp_path, {"low": "arch = 'arm64'", "mid": "from = 'low'", "shop": "from = 'mid'\narch = 'amd64'"})
    assert {layer.arch for layer in chain("mid", folder=tmp_path)} == {Arch.ARM64}
    assert {layer.arch for layer in chain("shop", folder=tmp_path)} == {Arch.AMD64}
    assert {layer.arch for layer in chain("low", folder=tmp_path, arch=Arch.AMD64)} == {Arch.AMD64}


def test_a_folder_of_one_s_own_builds_on_the_images_of_the_checkout(tmp_path: Path) -> None:
    write(tmp_path, {"shop": "from = 'dokku'\npackages = ['htop']"})
    assert [layer.name for layer in chain("shop", folder=tmp_path)] == ["host", "dokku", "shop"]
    assert [layer.name for layer in chain("dokku", folder=tmp_path)] == ["host", "dokku"]
    assert names(tmp_path) == ["dokku", "host", "shop"]


def test_an_image_of_one_s_own_goes_before_the_checkout_s_of_that_name(tmp_path: Path) -> None:
    write(tmp_path, {"host": "packages = ['htop']", "shop": "from = 'host'"})
    assert whole("shop", folder=tmp_path).packages == ("htop",)
    assert names(tmp_path) == ["host", "shop"]
    assert layers.file_of("host", folder=tmp_path) == tmp_path / "host.toml"
    assert layers.file_of("dokku", folder=tmp_path) == layers.OWN / "dokku.toml"


def test_a_mistake_in_a_layer_of_the_checkout_is_told_with_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "OWN", write(tmp_path / "checkout", {"low": "nginx.channel = 'mainline'"}))
    folder = write(tmp_path / "own", {"shop": "from = 'low'"})
    with pytest.raises(BakeryError, match=rf"{tmp_path}/checkout/low\.toml: nginx\.channel: does nothing"):
        chain("shop", folder=folder)


def test_a_key_s_file_lies_beside_the_definition_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, own = tmp_path / "checkout", tmp_path / "own"
    monkeypatch.setattr(layers, "OWN", write(checkout, {"low": 'ssh.keys.ci = "ci.pub"'}))
    (checkout / "ci.pub").write_text(PUBLIC_KEY)
    shop = whole("shop", folder=write(own, {"shop": "from = 'low'"}))
    assert [key.text for key in sshkeys.resolve(shop, folder=own)] == [PUBLIC_KEY]
    assert shop.model_dump(mode="json")["ssh"]["keys"] == {"ci": "ci.pub"}


def test_one_layer_is_itself() -> None:
    (host,) = chain("host")
    assert effective([host]) == host
