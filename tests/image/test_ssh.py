"""sshd: keys only, root by key or not at all."""

import re
import subprocess

import pytest

from tests.image.copy import Copy


def test_sshd_offers_no_password_login(first: Copy, request: pytest.FixtureRequest) -> None:
    name = str(request.config.option.hosts.split(",")[0]).removeprefix("ssh://")
    option = request.config.option.ssh_config
    argv = ["ssh", *(["-F", option] if option else []), "-o", "ControlPath=none", "-o", "PubkeyAuthentication=no"]
    argv += ["-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "NumberOfPasswordPrompts=1"]
    argv += ["-p", name.rpartition(":")[2], name.rpartition(":")[0]] if ":" in name else [name]
    done = subprocess.run([*argv, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr


def test_sshd_lets_root_in_by_key_or_not_at_all(each: Copy, settings: dict[str, str]) -> None:
    want = {"key": r"(without-password|prohibit-password)", "no": "no"}[settings["BAKERY_SSH_ROOT_LOGIN"]]
    assert re.search(rf"^permitrootlogin {want}$", each.facts["sshd"].text, flags=re.MULTILINE)


def test_sshd_follows_our_settings(each: Copy) -> None:
    for line in ("passwordauthentication no", "kbdinteractiveauthentication no", "permitemptypasswords no"):
        assert line in each.facts["sshd"].lines
