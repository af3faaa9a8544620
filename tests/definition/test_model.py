import itertools
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bakery import ROOT
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import arch
from bakery.definition.bases import BASES, Arch
from bakery.definition.choices import DEFAULT_STEPS, DockerSource, NginxChannel, NginxSource, RootLogin, Step
from bakery.definition.layers import OWN, WHERE, chain, every, load, load_file, names
from bakery.definition.model import Definition
from bakery.definition.problems import is_model

MANUAL = (ROOT / "images/README.md").read_text()


def read(folder: Path, text: str, *, name: str = "shop") -> Definition:
    (folder / f"{name}.toml").write_text(text)
    return chain(name, folder=folder)[-1]


def complaint(folder: Path, text: str, *, name: str = "shop") -> tuple[str, str]:
    with pytest.raises(BakeryError) as caught:
        read(folder, text, name=name)
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE
    return caught.value.message.replace(f"{folder}/", ""), caught.value.hint


def test_an_empty_file_is_a_whole_definition(tmp_path: Path) -> None:
    shop = read(tmp_path, "")
    assert shop.name == "shop"
    assert shop.base == "ubuntu-24.04"
    assert shop.steps == DEFAULT_STEPS
    assert (shop.disk.size_gb, shop.disk.swap_gb, shop.disk.ballast_mb) == (40, 2, 512)
    assert shop.cleanup.keep_hours == 24


def test_every_key_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text('steps = ["system", "disk"]\ndisk.size_gb = 8')
    shop = read(
        tmp_path,
        """
        description = "A shop"
        base = "ubuntu-24.04"
        arch = "arm64"
        from = "host"
        steps = ["system", "docker", "nginx", "ssh", "cleanup", "health", "firstboot", "dokku", "plugins"]
        packages = ["htop", "libstdc++6"]
        disk = { size_gb = 16, swap_gb = 0, ballast_mb = 0 }
        docker = { source = "docker.com", version = "5:27.*", archive = "https://mirror.example/LINUX//" }
        nginx = { source = "nginx.org", channel = "mainline", version = { "debian-12" = "1.29.*" } }
        ssh = { root_login = "no", keys = { ci = "ssh-ed25519 AAAA ci" }, login = ["ci"] }
        cleanup = { schedule = "Mon,Thu *-*-* 03:00:00", keep = "3d" }
        health = { port = 9000, interval_s = 60 }
        dokku = { version = "0.39.1", archive = "http://127.0.0.1:8080/dokku", archive_key = "fb2b 6aa4 21cd 193f" }
        plugins = [{ name = "redis", url = "https://example.com/redis.git", commit = "%s", pull = true }]
        """
        % ("c0ffee12" * 5),
    )
    assert (shop.base, shop.arch, shop.from_) == ("ubuntu-24.04", Arch.ARM64, "host")
    assert (shop.docker.source, shop.nginx.source) == (DockerSource.DOCKER_COM, NginxSource.NGINX_ORG)
    assert (shop.nginx.channel, shop.ssh.root_login) == (NginxChannel.MAINLINE, RootLogin.NO)
    assert shop.cleanup.keep_hours == 72
    assert shop.docker.archive == "https://mirror.example/LINUX"
    assert shop.dokku.archive_key == "FB2B6AA421CD193F"
    assert shop.plugins[0].name == "redis"
    assert shop.packages == ("htop", "libstdc++6")


@pytest.mark.parametrize("image", names())
def test_every_image_here_can_be_read(image: str) -> None:
    assert [layer.name for layer in chain(image)][-1] == image


def test_the_host_image_pins_nginx_on_every_base() -> None:
    host = load("host")
    assert "*" not in {host.nginx.version_for(base) for base in BASES}


def test_one_glob_serves_every_base(tmp_path: Path) -> None:
    assert read(tmp_path, 'nginx.version = "1.2?.*"').nginx.version_for("debian-12") == "1.2?.*"


def test_a_base_left_out_of_the_version_table_takes_any(tmp_path: Path) -> None:
    shop = read(tmp_path, 'docker.version = { "debian-12" = "20.10.*" }')
    assert (shop.docker.version_for("debian-12"), shop.docker.version_for("debian-13")) == ("20.10.*", "*")


def test_steps_run_in_their_order_and_end_with_record_seal_and_check(tmp_path: Path) -> None:
    shop = read(tmp_path, 'steps = ["health", "nginx", "system"]')
    assert shop.all_steps == (Step.SYSTEM, Step.NGINX, Step.HEALTH, Step.RECORD, Step.SEAL, Step.CHECK)


def test_every_step_has_its_script_and_every_script_its_step() -> None:
    scripts = sorted((ROOT / "provision").glob("[0-9][0-9]-*.sh"))
    assert [path.stem for path in scripts] == [f"{step.number}-{step.value}" for step in Step]


COMMIT = "c0ffee12" * 5
FOLLOW = "without `steps` they follow from what the file sets"
WRONG = {
    "plugins = [{ name = 'redis', url = 'https://x.example/r', commit = 'v1.0' }]\nsteps = ['dokku', 'plugins']": (
        "plugins.0.commit: 'v1.0' is no commit: 40 hex digits, so that it can never move",
        "",
    ),
    f"plugins = [{{ nam = 'redis', name = 'redis', url = 'https://x.example/r', commit = '{COMMIT}' }}]": (
        "plugins.0.nam: unknown key",
        "did you mean 'name'?",
    ),
    "dokku.version = '0.38'": ("dokku.version: '0.38' is no exact version such as '0.38.27'", ""),
    "steps = ['system']\nnginx.version = '1.22.*'": (
        "nginx.version: does nothing, because the step 'nginx' is not in steps",
        FOLLOW,
    ),
    "steps = ['docker']\npackages = ['htop']": (
        "packages: does nothing, because the step 'system' is not in steps",
        FOLLOW,
    ),
    "steps = ['system']\ndisk = { size_gb = 50, swap_gb = 4 }": (
        "disk.swap_gb: does nothing, because the step 'disk' is not in steps",
        FOLLOW,
    ),
    "steps = ['system']\nssh.keys.ci = 'ssh-ed25519 AAAA'": (
        "ssh.keys: does nothing, because the step 'firstboot' is not in steps",
        FOLLOW,
    ),
    "nginx.channel = 'stable'": (
        'nginx.channel: does nothing with nginx.source = "distro"',
        'nginx.source = "nginx.org"',
    ),
    "docker.archive = 'https://x.example'": (
        'docker.archive: does nothing with docker.source = "distro"',
        "it is for docker.com's packages, and beside the step dokku for its compose and buildx",
    ),
    "dokku.archive = 'mirror.example'": (
        "dokku.archive: 'mirror.example' is no address such as 'https://mirror.example/dokku'",
        "",
    ),
    "docker.archive_key = 'FB2B6AA421CD193F'": (
        "docker.archive_key: is for a mirror that signs with a key of its own; archive is not set",
        "",
    ),
    "nginx = { archive = 'https://x.example', archive_key = 'abc' }": (
        "nginx.archive_key: 'abc' is no fingerprint of a key: 40 hex digits (or the last 16)",
        "",
    ),
    "ssh.keys = { 'a.min' = 'ssh-ed25519 AAAA' }": (
        "ssh.keys.a.min.[key]: 'a.min' is no key name: letters, digits, _ and -",
        "",
    ),
    "ssh.keys = { ci = 5 }": ("ssh.keys.ci: must be text in quotes", ""),
    "ssh = { keys = { alice = 'k' }, login = ['alic'] }": (
        "ssh.login: there is no key 'alic' in ssh.keys",
        "did you mean 'alice'?",
    ),
    "nginx.chanel = 'stable'": ("nginx.chanel: unknown key", "did you mean 'channel'?"),
    "dokcer = {}": ("dokcer: unknown key", "did you mean 'docker'?"),
    "from_ = 'host'": ("from_: unknown key", "did you mean 'from'?"),
    "name = 'shop'": ("name: the file's name is the image's name", "remove the key"),
    "disk.size_gb = '40'": ("disk.size_gb: must be a whole number", ""),
    "disk.size_gb = 40.0": ("disk.size_gb: must be a whole number", ""),
    "disk.size_gb = true": ("disk.size_gb: must be a whole number", ""),
    "disk = 40": ("disk: must be a table", ""),
    "steps = 'docker'": ("steps: must be a list", ""),
    "packages = [3]": ("packages.0: must be text in quotes", ""),
    "description = 2026-01-01": ("description: must be text in quotes", ""),
    "description = 'a\tb'": ("description: must be one line of at most 255 characters", ""),
    f"description = '{'x' * 256}'": ("description: must be one line of at most 255 characters", ""),
    "disk.size_gb = 4": ("disk.size_gb: 4 is not possible: at least 8", ""),
    "disk.size_gb = 20000": ("disk.size_gb: 20000 is not possible: at most 16384", ""),
    "disk.swap_gb = -1": ("disk.swap_gb: -1 is not possible: at least 0", ""),
    "disk.swap_gb = 40": (
        "disk.swap_gb: 40 GB swap and 512 MB ballast are more than half of what 40 GB have free, 17896 MB",
        "",
    ),
    "disk.ballast_mb = 35000": (
        "disk.ballast_mb: 2 GB swap and 35000 MB ballast are more than half of what 40 GB have free, 17896 MB",
        "",
    ),
    "health.port = 0": ("health.port: 0 is no port: 1 to 65535", ""),
    "health.port = 65536": ("health.port: 65536 is no port: 1 to 65535", ""),
    "health.port = 22": ("health.port: port 22 belongs to sshd", ""),
    "health.port = 80": ("health.port: port 80 belongs to dokku's apps", ""),
    "health.port = 443": ("health.port: port 443 belongs to dokku's apps", ""),
    "health.port = 53": ("health.port: port 53 belongs to the system's own name service", ""),
    "health.interval_s = 3601": ("health.interval_s: 3601 is not possible: at most 3600", ""),
    "health.degraded_code = 404": (
        "health.degraded_code: 404 is not possible: 200, or 503 as for what is unhealthy",
        "",
    ),
    "health.interval_s = 1": ("health.interval_s: 1 is not possible: at least 5", ""),
    "cleanup.schedule = '04:15; reboot'": (
        "cleanup.schedule: '04:15; reboot' is no systemd calendar time: '15;' is no minute",
        "'*-*-* 04:15:00' is every day at a quarter past four; man systemd.time has more",
    ),
    "cleanup.keep = '1 day'": ("cleanup.keep: '1 day' is no duration such as '24h', '3d' or '2w'", ""),
    "cleanup.keep = '0h'": ("cleanup.keep: '0h' is no duration such as '24h', '3d' or '2w'", ""),
    "cleanup.keep = '54w'": ("cleanup.keep: '54w' is longer than a year", ""),
    "packages = ['Curl']": ("packages.0: 'Curl' is no package name", ""),
    "packages = ['curl', '{x}']": ("packages.1: '{x}' is no package name", ""),
    "packages = ['{key}']": ("packages.0: '{key}' is no package name", ""),
    "packages = ['nginx=1.22']": (
        "packages.0: 'nginx=1.22' is no package name",
        "versions go into docker.version and nginx.version",
    ),
    "packages = ['curl', 'curl']": ("packages: 'curl' is listed twice", ""),
    "nginx.version = '1.22 && x'": (
        "nginx.version: '1.22 && x' is no version glob: letters, digits and . + ~ : - with * and ?",
        "",
    ),
    "nginx.version = 1.22": ("nginx.version: must be a version glob such as '1.22.*'", ""),
    "nginx.version = { 'debian-14' = '1.*' }": (
        "nginx.version.debian-14: there is no such base",
        "did you mean 'debian-13'?",
    ),
    "nginx.version = { 'debian-12' = '${x}' }": (
        "nginx.version.debian-12: '${x}' is no version glob: letters, digits and . + ~ : - with * and ?",
        "",
    ),
    "nginx.version = { 'debian-12' = 1.22 }": (
        "nginx.version.debian-12: must be a version glob such as '1.22.*'",
        "",
    ),
    "base = 'debain-12'": ("base: 'debain-12' is not possible here", "did you mean 'debian-12'?"),
    "docker.source = 'docker'": ("docker.source: 'docker' is not possible here", "did you mean 'docker.com'?"),
    "steps = ['dokcer']": ("steps.0: 'dokcer' is not possible here", "did you mean 'docker'?"),
    "steps = ['ssh', 'ssh']": ("steps: 'ssh' is listed twice", ""),
    "steps = ['seal']": ("steps: 'seal' always runs at the end and cannot be listed", ""),
    "steps = ['health']": ("steps: 'health' needs the step 'nginx'", ""),
    "steps = ['cleanup']": ("steps: 'cleanup' needs the step 'docker'", ""),
    "from = 'Host'": ("from: 'Host' is no image name: small letters, digits and inner dashes, at most 40", ""),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items())
def test_what_cannot_be_is_one_line_with_file_key_and_hint(
    text: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    problem, hint = expected
    assert complaint(tmp_path, text) == (f"shop.toml: {problem}", hint)


@pytest.mark.parametrize(
    "text",
    [
        "health.port = 1",
        "health.port = 65535",
        f"description = '{'x' * 255}'",
        "cleanup.keep = '365d'",
        "cleanup.keep = '8760h'",
        "packages = ['g++']",
        "disk = { size_gb = 8, ballast_mb = 611 }",
        "disk = { swap_gb = 8, ballast_mb = 9704 }",
    ],
)
def test_what_is_just_possible_is_taken(text: str, tmp_path: Path) -> None:
    read(tmp_path, text)


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    message, _ = complaint(tmp_path, 'description = "a"\nbase debian\n')
    assert re.fullmatch(r"shop\.toml: line 2: [A-Z][^()]+", message)


def test_a_syntax_error_at_the_end_says_so(tmp_path: Path) -> None:
    message, _ = complaint(tmp_path, 'description = "a')
    assert message.endswith("(at the end of the file)")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"disk.size_gb = {'1' * 5000}", "a number with too many digits"),
        (f"packages = {'[' * 5000}", "lists nested too deep"),
    ],
    ids=("digits", "depth"),
)
def test_what_no_parser_could_hold_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, text) == (f"shop.toml: {said}", "")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BakeryError, match="not UTF-8 text"):
        load_file(path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(BakeryError) as caught:
        load_file(tmp_path / "gone.toml")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.message == f"{tmp_path}/gone.toml: No such file or directory"


def test_no_hint_names_the_key_that_no_file_may_set(tmp_path: Path) -> None:
    problem, hint = complaint(tmp_path, "nam = 'shop'")
    assert problem == "shop.toml: nam: unknown key"
    assert "base" in hint
    assert "name" not in hint


def test_a_file_name_that_is_no_image_name_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path, "", name="My_Shop")[0].startswith("My_Shop.toml: 'My_Shop' is no image name")


def test_several_mistakes_are_a_line_each_with_their_hint(tmp_path: Path) -> None:
    message, hint = complaint(tmp_path, "dokcer = {}\nhealth.port = 22\n")
    assert message.splitlines() == [
        "shop.toml: health.port: port 22 belongs to sshd",
        "shop.toml: dokcer: unknown key (did you mean 'docker'?)",
    ]
    assert not hint


def test_an_unknown_image_is_answered_with_the_nearest() -> None:
    with pytest.raises(BakeryError) as caught:
        load("hots")
    assert (caught.value.message, caught.value.hint) == ("there is no image 'hots' in images/", "did you mean 'host'?")
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE


@pytest.mark.parametrize("ask", [names, every, lambda folder: chain("host", folder=folder)])
def test_a_folder_that_is_not_there_is_not_taken_for_an_empty_one(
    ask: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(BakeryError, match=f"there is no folder {tmp_path}/imgaes") as caught:
        ask(tmp_path / "imgaes")
    assert caught.value.hint == WHERE
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE


def test_all_images_of_a_folder_without_any_are_not_none(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match=f"there is no definition in {tmp_path}/") as caught:
        names(tmp_path)
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE


def images(folder: Path, layers: dict[str, str]) -> Path:
    for name, text in layers.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def test_layers_come_lowest_first(tmp_path: Path) -> None:
    folder = images(tmp_path, {"host": "", "dokku": "from = 'host'\nsteps = []", "shop": "from = 'dokku'\nsteps = []"})
    assert [layer.name for layer in chain("shop", folder=folder)] == ["host", "dokku", "shop"]


def test_a_missing_layer_is_named_with_the_file_that_asks_for_it(tmp_path: Path) -> None:
    folder = images(tmp_path, {"host": "", "shop": "from = 'hots'"})
    with pytest.raises(BakeryError) as caught:
        chain("shop", folder=folder)
    assert caught.value.message == f"{folder}/shop.toml: from: there is no image 'hots'"
    assert (caught.value.hint, caught.value.exit_code) == ("did you mean 'host'?", ExitCode.IMPOSSIBLE)


def test_layers_in_a_circle_are_shown_as_the_way_round(tmp_path: Path) -> None:
    folder = images(tmp_path, {"shop": "from = 'one'", "one": "from = 'two'", "two": "from = 'one'"})
    with pytest.raises(BakeryError) as caught:
        chain("shop", folder=folder)
    assert caught.value.message == f"{folder}/two.toml: from: layers go in a circle: one → two → one"
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE


def test_an_image_built_on_itself_is_a_circle(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match=r"from: layers go in a circle: one → one$"):
        chain("one", folder=images(tmp_path, {"one": "from = 'one'"}))


def test_a_step_may_need_what_a_layer_below_has(tmp_path: Path) -> None:
    folder = images(tmp_path, {"host": "steps = ['nginx']", "shop": "from = 'host'\nsteps = ['health']"})
    assert len(chain("shop", folder=folder)) == 2


def test_a_step_whose_need_no_layer_has_is_refused(tmp_path: Path) -> None:
    folder = images(tmp_path, {"host": "steps = ['docker']", "shop": "from = 'host'\nsteps = ['health']"})
    with pytest.raises(BakeryError, match=r"shop\.toml: steps: 'health' needs the step 'nginx'"):
        chain("shop", folder=folder)


def test_the_other_processors_image_is_refused_politely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    arch.require_bakeable(Arch.AMD64)
    with pytest.raises(BakeryError) as caught:
        arch.require_bakeable(Arch.ARM64)
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE
    assert caught.value.message == "an arm64 image cannot be baked on this amd64 machine"
    assert caught.value.hint.startswith("on an arm64 machine, or in a cloud")


def documented() -> dict[str, str]:
    """Read the manual's tables: full key and default."""
    found = {}
    for section in re.split(r"^## ", MANUAL, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        table = re.fullmatch(r"`\[{1,2}(\w+)\]{1,2}`", title)
        for key, default in re.findall(
            r"^\| `(\w+)` \| [^|]+ \| (`.*?`|none|required) \|", section, flags=re.MULTILINE
        ):
            found[f"{table[1]}.{key}" if table else key] = default.strip("`")
    return found


def fields(model: type[BaseModel] = Definition, prefix: str = "") -> dict[str, Any]:
    """Read the model: full key and default."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        tables = [kind for kind in (field.annotation, *get_args(field.annotation)) if is_model(kind)]
        if tables:
            found |= fields(tables[0], f"{name}.")
        elif prefix == "plugins." and field.is_required():
            found[prefix + name] = "required"
        elif name != "name":
            found[prefix + (field.alias or name)] = field.get_default(call_default_factory=True)
    return found


def test_the_manual_has_every_key_and_no_other() -> None:
    assert sorted(documented()) == sorted(fields())


@pytest.mark.parametrize("key", fields())
def test_the_manual_gives_the_default(key: str) -> None:
    told = documented()[key]
    value = {"none": None, "required": told}.get(told, ...)
    value = tomllib.loads(f"value = {told}")["value"] if value is ... else value
    default = fields()[key]
    assert value == (list(default) if isinstance(default, tuple) else default)


def test_the_manuals_values_are_those_of_the_code() -> None:
    for choice in itertools.chain(BASES, Arch, DockerSource, NginxSource, NginxChannel, RootLogin):
        assert f"`{choice.value}`" in MANUAL, choice


def test_the_manuals_examples_can_be_read(tmp_path: Path) -> None:
    layer, alone = re.findall(r"```toml\n(.*?)```", MANUAL, flags=re.DOTALL)
    assert read(tmp_path, layer).steps == (Step.SYSTEM, Step.NGINX)
    assert read(tmp_path, alone).nginx.source is NginxSource.NGINX_ORG


def test_what_editors_and_people_leave_beside_definitions_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("")
    (tmp_path / ".#shop.toml").symlink_to("someone@machine.1234")
    (tmp_path / "folder.toml").mkdir()
    for name in ("shop (copy).toml", "shop.toml~", ".shop.toml", "gone.toml.orig"):
        (tmp_path / name).write_text("x = [")
    (tmp_path / "dangling.toml").symlink_to("nowhere")
    assert "shop" in every(tmp_path)
    assert set(every(tmp_path)) - {"shop"} == set(every(OWN))


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfdescription = 'x'\n", b"description = 'x'\r\n[disk]\r\nsize_gb = 12\r\n"]
)
def test_a_definition_is_read_as_editors_save_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shop.toml").write_bytes(content)
    assert load("shop", folder=tmp_path).description == "x"


def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_bytes("description = 'x'".encode("utf-16"))
    with pytest.raises(BakeryError, match="not UTF-8 text") as caught:
        load("shop", folder=tmp_path)
    assert caught.value.hint == "save it as UTF-8"
