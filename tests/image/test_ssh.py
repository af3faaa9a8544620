"""sshd: keys only, root by key or not at all."""

import re
import subprocess

import pytest

from tests.image.copy import Copy


def ssh(config: pytest.Config, number: int, *options: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Log in to a copy as a person does, over a connection of its own."""
    name = str(config.option.hosts.split(",")[number]).removeprefix("ssh://")
    argv = ["ssh", *(["-F", config.option.ssh_config] if config.option.ssh_config else []), "-o", "ControlPath=none"]
    argv += ["-i", config.option.ssh_identity_file] if config.option.ssh_identity_file else []
    argv += ["-p", name.rpartition(":")[2], name.rpartition(":")[0]] if ":" in name else [name]
    return subprocess.run([*argv, *options], input=given, capture_output=True, text=True, check=False)


def test_a_login_is_told_what_the_machine_is_and_how(
    copies: list[Copy], settings: dict[str, str], request: pytest.FixtureRequest
) -> None:
    for number, copy in enumerate(copies):
        said = ssh(request.config, number, "-tt", given="exit\n").stdout
        what = [settings[f"BAKERY_{name}"] for name in ("IMAGE", "BASE", "RELEASE")]
        assert "{} on {}, release {}, by Dokku Bakery".format(*what) in said
        assert re.search(r"^health at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+: [a-z]+", said, flags=re.MULTILINE)
        for name, task in copy.facts["firstboot"].json["tasks"].items():
            assert (f"first boot: {name}: {task['detail']}" in said) is not task["ok"], said


def test_sshd_offers_no_password_login(request: pytest.FixtureRequest) -> None:
    options = ["-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive"]
    done = ssh(request.config, 0, *options, "-o", "NumberOfPasswordPrompts=1", "true")
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr


def test_sshd_lets_root_in_by_key_or_not_at_all(each: Copy, settings: dict[str, str]) -> None:
    want = {"key": r"(without-password|prohibit-password)", "no": "no"}[settings["BAKERY_SSH_ROOT_LOGIN"]]
    assert re.search(rf"^permitrootlogin {want}$", each.facts["sshd"].text, flags=re.MULTILINE)


def test_a_login_has_a_minute_and_four_tries(each: Copy) -> None:
    assert {"logingracetime 60", "maxauthtries 4"} <= set(each.facts["sshd"].lines)


def test_there_is_no_dsa_host_key(each: Copy) -> None:
    kinds = {
        line.removeprefix("/etc/ssh/ssh_host_").removesuffix("_key") for line in each.facts["host_key_files"].lines
    }
    assert kinds == {"rsa", "ecdsa", "ed25519"}


def test_sshd_follows_our_settings(each: Copy) -> None:
    for line in ("passwordauthentication no", "kbdinteractiveauthentication no", "permitemptypasswords no"):
        assert line in each.facts["sshd"].lines
