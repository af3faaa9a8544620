"""Where the keys come from, and what is said where there are none that can be used."""

from pathlib import Path

import pytest

from bakery.clouds.scaleway import credentials
from bakery.core.errors import BakeryError, ExitCode

ACCESS, SECRET, PROJECT = (
    "SCWABCDEFGHIJKLMNOPQ",
    "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "1" * 8 + "-1111" * 3 + "-" + "1" * 12,
)
OTHER = "2" * 8 + "-2222" * 3 + "-" + "2" * 12


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("ACCESS_KEY", "SECRET_KEY", "DEFAULT_PROJECT_ID", "API_URL", "PROFILE"):
        monkeypatch.delenv(f"SCW_{name}", raising=False)
    path = tmp_path / "config.yaml"
    monkeypatch.setenv("SCW_CONFIG_PATH", str(path))
    return path


def write(path: Path, **values: str) -> None:
    told = {"access_key": ACCESS, "secret_key": SECRET, "default_project_id": PROJECT, **values}
    path.write_text("".join(f"{key}: {value}\n" for key, value in told.items() if value))


def refused() -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        credentials.load()
    return caught.value


def test_they_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCW_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("SCW_SECRET_KEY", SECRET)
    monkeypatch.setenv("SCW_DEFAULT_PROJECT_ID", PROJECT)
    keys = credentials.load()
    assert (keys.access_key, keys.secret_key, keys.project) == (ACCESS, SECRET, PROJECT)
    assert (keys.api_url, keys.origin) == (credentials.API, "in SCW_ACCESS_KEY")
    assert SECRET not in repr(keys)


def test_they_come_from_the_file_of_scw_init(config: Path) -> None:
    write(config)
    assert credentials.load().project == PROJECT


def test_the_file_names_the_profile_and_the_environment_another(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    write(config)
    profiles = f"profiles:\n  work: {{default_project_id: {OTHER}}}\n  home: {{}}\nactive_profile: work\n"
    config.write_text(config.read_text() + profiles)
    assert credentials.load().project == OTHER
    monkeypatch.setenv("SCW_PROFILE", "home")
    assert credentials.load().project == PROJECT


def test_a_variable_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    write(config)
    monkeypatch.setenv("SCW_DEFAULT_PROJECT_ID", OTHER)
    monkeypatch.setenv("SCW_API_URL", "http://127.0.0.1:5555/")
    keys = credentials.load()
    assert (keys.project, keys.api_url) == (OTHER, "http://127.0.0.1:5555")


def test_a_profile_that_does_not_exist_is_told_with_the_nearest(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    write(config)
    config.write_text(config.read_text() + "profiles:\n  work: {}\n")
    monkeypatch.setenv("SCW_PROFILE", "wrok")
    error = refused()
    assert (error.message, error.hint) == (f"there is no Scaleway profile 'wrok' in {config}", "did you mean 'work'?")
    assert error.exit_code is ExitCode.IMPOSSIBLE


def test_a_user_without_a_home_has_no_keys_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    for name in ("SCW_CONFIG_PATH", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert refused().message.endswith("there is no ~/.config/scw/config.yaml")


def test_no_keys_are_one_line_with_both_ways(config: Path) -> None:
    error = refused()
    assert error.message == f"there are no Scaleway credentials: SCW_ACCESS_KEY is not set, and there is no {config}"
    assert "scw init" in error.hint
    assert "SCW_SECRET_KEY" in error.hint
    assert error.exit_code is ExitCode.MISSING


@pytest.mark.parametrize("lacking", ["access", "secret"])
def test_half_a_key_says_which_half_is_missing(lacking: str, config: Path) -> None:
    write(config, **{f"{lacking}_key": ""})
    error = refused()
    assert f"no {lacking} key" in error.message
    assert error.hint.startswith(f"SCW_{lacking.upper()}_KEY")


def test_no_project_is_told(config: Path) -> None:
    write(config, default_project_id="")
    error = refused()
    assert error.message == "the Scaleway settings name no project"
    assert error.hint.startswith("SCW_DEFAULT_PROJECT_ID")


WRONG = {
    "access_key": ("AKIA123", "access_key of the profile 'default'"),
    "secret_key": ("hunter2", "secret_key of the profile 'default'"),
    "default_project_id": ("my-project", "'my-project', is not a UUID"),
}


@pytest.mark.parametrize("key", WRONG)
def test_what_is_none_by_its_form_is_told_and_no_secret_repeated(key: str, config: Path) -> None:
    value, said = WRONG[key]
    write(config, **{key: value})
    error = refused()
    assert said in error.message
    assert "hunter2" not in f"{error.message} {error.hint}"
    assert error.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.parametrize("text", ["a: [", "- a", "profiles: 3", "\0", "a: 2026-02-30"])
def test_a_file_that_holds_something_else_is_told(text: str, config: Path) -> None:
    config.write_text(text)
    error = refused()
    assert str(config) in error.message
    assert "scw init" in error.hint
