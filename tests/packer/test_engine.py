"""Packer's command lines and output."""

import json
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.packer import engine


def test_version_of_debian_12_has_no_plugins() -> None:
    found = engine.parse_version("Packer v1.6.6\n")
    assert found.version == (1, 6, 6)
    assert not found.has_plugins
    assert str(found) == "1.6.6"


@pytest.mark.parametrize("text", ["Packer v1.7.0", "Packer v1.11.2\n\nYour version of Packer is out of date!"])
def test_newer_versions_have_plugins(text: str) -> None:
    assert engine.parse_version(text).has_plugins


def test_a_packer_older_than_1_6_is_refused_with_exit_code_3() -> None:
    with pytest.raises(BakeryError, match=r"Packer 1\.5\.4 is too old, 1\.6\.0 is the oldest") as caught:
        engine.parse_version("Packer v1.5.4")
    assert caught.value.exit_code is ExitCode.MISSING


def test_another_program_of_that_name_is_refused() -> None:
    with pytest.raises(BakeryError, match="not HashiCorp's Packer"):
        engine.parse_version("/usr/share/dict/words: 479826 words")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1700000000,,ui,say,==> qemu.image: Starting VM%!(PACKER_COMMA) booting", "Starting VM, booting"),
        ("1700000000,,ui,message,    qemu.image: a\\nb", "a\nb"),
        ("1700000000,,ui,say,==> amazon-ebs.image: Stopping the source instance...", "Stopping the source instance..."),
        ("1700000000,,ui,error,    amazon-ebs.image: no", "no"),
        ("1700000000,qemu.image,artifact,0,id,VM", None),
        ("not a machine-readable line", None),
    ],
)
def test_machine_readable_lines_become_text(line: str, text: str | None) -> None:
    assert engine.message(line) == text


def test_steps_are_recognised_in_the_output_of_run() -> None:
    event = engine.step_event("BAKERY step 3/9 nginx done 12.4")
    assert event == engine.StepEvent(number=3, total=9, name="nginx", event="done", value="12.4")
    assert engine.step_event("a step forward") is None


def manifest(*builds: tuple[str, str], last: str) -> str:
    """Return a manifest as Packer 1.6.6 writes it: each build is the id of its run and its artifact."""
    noted = [
        {
            "name": "image",
            "builder_type": "amazon-ebs",
            "build_time": 1700000000,
            "files": None,
            "artifact_id": artifact,
            "packer_run_uuid": run,
            "custom_data": None,
        }
        for run, artifact in builds
    ]
    return json.dumps({"builds": noted, "last_run_uuid": last}, indent=2)


def test_the_image_is_the_one_of_the_last_run() -> None:
    text = manifest(("one", "eu-west-2:ami-1"), ("two", "eu-west-2:ami-2"), last="two")
    assert engine.image_ids(text) == {"eu-west-2": "ami-2"}


def test_an_artifact_of_many_regions_has_an_id_in_each() -> None:
    text = manifest(("one", "eu-west-1:ami-1,us-east-1:ami-2"), last="one")
    assert engine.image_ids(text) == {"eu-west-1": "ami-1", "us-east-1": "ami-2"}


def test_a_run_that_made_nothing_has_no_image() -> None:
    assert engine.image_ids(manifest(("one", "eu-west-2:ami-1"), last="two")) == {}


def test_no_password_of_a_proxy_is_in_what_packer_says() -> None:
    line = "1700000000,,ui,message,    qemu.image: https_proxy=http://me:p@ss@10.0.2.2:3128/ ssh://git@example.com"
    assert engine.message(line) == "https_proxy=http://…@10.0.2.2:3128/ ssh://…@example.com"
    assert (
        engine.message("1,,ui,say,==> qemu.image: to admin@node: http://node/a@b") == "to admin@node: http://node/a@b"
    )


def test_what_a_real_packer_prints_of_a_step_s_environment_has_no_password(tmp_path: Path) -> None:
    (tmp_path / "image.pkr.hcl").write_text(
        """
variable "http_proxy" {
  type = string
}
source "null" "image" {
  communicator = "none"
}
build {
  sources = ["source.null.image"]
  provisioner "shell-local" {
    environment_vars = ["http_proxy=${var.http_proxy}"]
    inline           = ["env | grep http_proxy"]
  }
}
"""
    )
    env = {**engine.ENVIRONMENT, "PKR_VAR_http_proxy": "http://me:secret@10.0.2.2:3128", "HOME": str(tmp_path)}
    output = process.run(engine.build_argv(tmp_path), env=env).output
    assert "secret" in output
    said = [engine.message(line) or "" for line in output.splitlines()]
    assert "secret" not in "".join(said)
    assert any("http_proxy=http://…@10.0.2.2:3128" in line for line in said)
