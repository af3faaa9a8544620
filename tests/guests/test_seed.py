import json
from pathlib import Path
from typing import Any

import pytest

from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.guests import seed


def cloud_config(text: str) -> dict[str, Any]:
    first, _, rest = text.partition("\n")
    assert first == "#cloud-config"
    config = json.loads(rest)
    assert isinstance(config, dict)
    return config


def make(out: Path, *, network_config: str | None = None) -> Path:
    user_data = seed.user_data(public_keys=["ssh-ed25519 AAAA me"])
    meta_data = seed.meta_data(instance_id="i-1", hostname="first")
    return seed.make_seed(out, user_data=user_data, meta_data=meta_data, network_config=network_config)


def inside(disc: Path, folder: Path) -> dict[str, str]:
    process.run(["xorriso", "-osirrox", "on", "-indev", str(disc), "-extract", "/", str(folder)])
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_seed_may_be_in_a_folder_with_any_name(tmp_path: Path) -> None:
    odd = tmp_path / "a b,c#d%e~f'g\"h${HOME}=i\\j"
    odd.mkdir()
    assert set(inside(make(odd / "seed.iso"), tmp_path / "out")) == {"user-data", "meta-data"}


def test_keys_without_a_user_are_for_the_image_s_default_user() -> None:
    config = cloud_config(seed.user_data(public_keys=["one", "two"]))
    assert config["ssh_authorized_keys"] == ["one", "two"]
    assert "users" not in config


def test_a_named_user_gets_the_keys_and_sudo_without_a_password() -> None:
    config = cloud_config(seed.user_data(public_keys=["one"], user="vagrant"))
    assert "ssh_authorized_keys" not in config
    (user,) = config["users"]
    assert user["name"] == "vagrant"
    assert user["ssh_authorized_keys"] == ["one"]
    assert user["sudo"] == "ALL=(ALL) NOPASSWD:ALL"
    assert user["lock_passwd"] is True


def test_nobody_logs_in_with_a_password() -> None:
    assert cloud_config(seed.user_data(public_keys=[]))["ssh_pwauth"] is False


def test_the_root_grows_unless_it_is_told_not_to() -> None:
    assert "growpart" not in cloud_config(seed.user_data(public_keys=[]))
    still = cloud_config(seed.user_data(public_keys=[], is_grown=False))
    assert still["growpart"] == {"mode": "off"}
    assert still["resize_rootfs"] is False


def test_the_disc_carries_the_label_cloud_init_looks_for(tmp_path: Path) -> None:
    found = process.run(["xorriso", "-indev", str(make(tmp_path / "seed.iso"))]).output
    assert "'CIDATA'" in found


def test_the_disc_holds_what_was_written(tmp_path: Path) -> None:
    files = inside(make(tmp_path / "seed.iso", network_config="version: 2\n"), tmp_path / "out")
    assert sorted(files) == ["meta-data", "network-config", "user-data"]
    assert json.loads(files["meta-data"]) == {"instance-id": "i-1", "local-hostname": "first"}
    assert files["network-config"] == "version: 2\n"
    assert cloud_config(files["user-data"])["ssh_authorized_keys"] == ["ssh-ed25519 AAAA me"]


def test_without_a_network_config_there_is_no_file_of_it(tmp_path: Path) -> None:
    assert sorted(inside(make(tmp_path / "seed.iso"), tmp_path / "out")) == ["meta-data", "user-data"]


def test_the_same_texts_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = make(tmp_path / "a" / "seed.iso").read_bytes()
    assert make(tmp_path / "b" / "seed.iso").read_bytes() == first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert make(tmp_path / "c" / "seed.iso").read_bytes() != first


def test_everything_on_the_disc_has_the_date_of_source_date_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    listed = process.run(["xorriso", "-indev", str(make(tmp_path / "seed.iso")), "-find", "/", "-exec", "lsdl"]).output
    entries = [line for line in listed.splitlines() if line.endswith(("'/'", "data'"))]
    assert len(entries) == 3
    assert all("Sep  9  2001" in entry for entry in entries)


def test_nothing_half_made_is_left_when_xorrisofs_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(BakeryError, match="xorrisofs is not installed"):
        make(tmp_path / "out" / "seed.iso")
    assert list((tmp_path / "out").iterdir()) == []


def test_files_of_the_owner_are_written_for_root_alone() -> None:
    text = seed.user_data(
        public_keys=["ssh-ed25519 AAAA me"], secret_files={"/etc/bakery/node.yaml": "domain: x.test\n"}
    )
    assert cloud_config(text)["write_files"] == [
        {"path": "/etc/bakery/node.yaml", "permissions": "0600", "content": "domain: x.test\n"}
    ]


@pytest.mark.parametrize(("told", "expected"), [(None, 7), ("", 7), (" 12 ", 12), ("0", 0)])
def test_the_date_of_what_is_made_may_be_given(
    told: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if told is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    assert seed.source_date(7) == expected


@pytest.mark.parametrize("told", ["x", "2026-01-01", "-1", "1e9", "999999999999"])
def test_a_date_that_is_no_number_of_seconds_is_one_line(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    with pytest.raises(BakeryError, match="seconds since 1970 are needed") as caught:
        seed.source_date(0)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
