"""Where keys come from: a provider that fails is one line with a way out and an exit code; nobody is waited for."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.clouds.aws.account import connect
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from tests.aws_account import forget_aws

ROLE = "role_arn = arn:aws:iam::123456789012:role/baker\n"
MFA = f"{ROLE}source_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n"
OLD_SSO = (
    "sso_start_url = https://x.example\nsso_region = eu-west-2\nsso_account_id = 123456789012\nsso_role_name = x\n"
)
SSO = (
    "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = x\n"
    "[sso-session corp]\nsso_region = eu-west-2\nsso_start_url = https://x.example\n"
)
KEYS = {"Version": 1, "AccessKeyId": "AKIAABCDEFGHIJKLMNOP", "SecretAccessKey": "secret"}
EXPORT = 'eval "$(aws configure export-credentials --profile work --format env)"'


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    forget_aws(monkeypatch, home=tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_CONTAINER", "AWS_WEB", "AWS_ROLE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(process, "has_terminal", lambda: False)
    return tmp_path


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")


def profile(home: Path, settings: str, *, keys: str = "") -> None:
    (home / "config").write_text(f"[profile work]\nregion = eu-west-2\n{settings}\n")
    (home / "credentials").write_text(keys)


def trouble() -> BakeryError:
    """Return what a command ends with that asks for the keys."""
    with pytest.raises(BakeryError) as caught:
        connect().environment()
    error = caught.value
    assert "\n" not in error.message
    assert error.hint
    return error


def said_of_work(error: BakeryError) -> str:
    assert error.exit_code is ExitCode.MISSING
    begin = "the AWS credentials of the profile 'work' cannot be had: "
    assert error.message.startswith(begin)
    return error.message.removeprefix(begin)


def printing(text: str) -> str:
    return f"credential_process = /bin/sh -c {shlex.quote(f'echo {shlex.quote(text)}')}"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("credential_process = /no/such/program --token 123", "/no/such/program: No such file or directory"),
        ("credential_process = /etc/passwd", "/etc/passwd: Permission denied"),
        ("credential_process = /bin/sh -c 'echo oh; echo no >&2; exit 3'", "no"),
        ("credential_process = /bin/sh -c 'echo one >&2; echo two >&2; exit 3'", "one two"),
        ("credential_process = /bin/sh -c 'echo", "No closing quotation"),
        ("credential_process = /bin/sh -c 'printf \"\\377\"'", "printed something else than the one JSON object"),
        (printing("Welcome to ACME!"), "printed something else than the one JSON object"),
        (printing("[]"), "printed something else than the one JSON object"),
        (printing(json.dumps({**KEYS, "Expiration": "soon"})), "printed something else than the one JSON object"),
        (printing(json.dumps({"Version": 1})), "Missing required key in response: 'AccessKeyId'"),
        (printing(json.dumps({**KEYS, "Expiration": "2020-01-01T00:00:00Z"})), "are still expired"),
        (printing(json.dumps({**KEYS, "AccessKeyId": "AKIA\u00e9"})), "a letter that no key has"),
    ],
)
def test_a_credential_process_that_brings_no_keys_is_told_in_one_line(settings: str, said: str, home: Path) -> None:
    profile(home, settings)
    error = trouble()
    assert said in said_of_work(error)
    assert error.hint.startswith("run by itself what credential_process in ~/.aws/config says (/")


@pytest.mark.usefixtures("work")
def test_what_a_credential_process_is_told_is_not_repeated(home: Path) -> None:
    profile(home, "credential_process = /no/such/program --token 123")
    assert "123" not in trouble().hint


@pytest.mark.usefixtures("work")
def test_a_credential_process_that_waits_for_somebody_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ALONE_S", 0.5)
    pid = home / "pid"
    profile(home, f"credential_process = /bin/sh -c 'sleep 300 & echo $! >{pid}; wait'")
    began = time.monotonic()
    assert "did not end within" in said_of_work(trouble())
    assert time.monotonic() - began < 20
    state = Path(f"/proc/{pid.read_text().strip()}/stat")
    assert not state.exists() or ") Z " in state.read_text()


@pytest.mark.usefixtures("work")
def test_so_is_one_of_the_profile_that_a_role_names_as_its_source(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ALONE_S", 0.5)
    profile(home, f"{ROLE}source_profile = base\n[profile base]\ncredential_process = /bin/sleep 300")
    error = trouble()
    assert "did not end within" in said_of_work(error)
    assert "(/bin/sleep …)" in error.hint


@pytest.mark.usefixtures("work")
def test_a_credential_process_reads_nothing_of_ours_without_a_terminal(home: Path) -> None:
    """It would wait for a pipe that a CI job never closes."""
    command = f"/bin/sh -c {shlex.quote(f'cat; echo {shlex.quote(json.dumps(KEYS))}')}"
    profile(home, f"credential_process = {command}")
    script = "from bakery.clouds.aws.account import connect; print(connect().environment()['AWS_ACCESS_KEY_ID'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read().decode().strip() == KEYS["AccessKeyId"]


@pytest.mark.usefixtures("work")
def test_an_mfa_code_without_a_terminal_is_not_waited_for(home: Path) -> None:
    profile(home, MFA, keys="[base]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    error = trouble()
    assert said_of_work(error) == "an MFA code is asked for, and there is no terminal to type it in"
    assert error.hint == f"run it in a terminal, or first {EXPORT}"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(("settings", "name"), [(OLD_SSO, "https://x.example"), (SSO, "corp")])
@pytest.mark.parametrize(
    "left",
    [
        "",
        "hello",
        "[]",
        "{}",
        *(json.dumps({"accessToken": "x", "expiresAt": when}) for when in ("soon", None, "2020")),
    ],
)
def test_whatever_a_sign_in_has_left_leads_to_the_next_one(settings: str, name: str, left: str, home: Path) -> None:
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True)
    (cache / f"{hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()}.json").write_text(left)
    profile(home, settings)
    error = trouble()
    assert said_of_work(error)
    assert error.hint == "aws sso login --profile work"


@pytest.mark.usefixtures("work")
def test_a_profile_of_aws_login_is_told_with_the_way_around_it(home: Path) -> None:
    profile(home, "login_session = arn:aws:iam::123456789012:user/me")
    error = trouble()
    assert said_of_work(error) == "they come from `aws login`, which this cannot read by itself"
    assert error.hint == f"aws login --profile work, then {EXPORT}"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("settings", "said", "hint"),
    [
        (f"{ROLE}web_identity_token_file = /no/such", "/no/such: No such file", "web_identity_token_file in"),
        (ROLE, "missing: source_profile or credential_source", "role_arn in ~/.aws/config"),
        (f"{ROLE}credential_source = Ec2InstanceMetadata", "No credentials found", "credential_source in"),
    ],
)
def test_a_role_that_cannot_be_had_names_the_key_to_look_at(settings: str, said: str, hint: str, home: Path) -> None:
    profile(home, settings)
    error = trouble()
    assert said in said_of_work(error)
    assert error.hint.startswith(hint)


@pytest.mark.usefixtures("work")
def test_a_role_that_aws_cannot_be_asked_for_is_no_matter_of_the_call(home: Path) -> None:
    profile(home, f"{ROLE}source_profile = base", keys="[base]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    account = connect()
    account.patience_s = 0.05
    with pytest.raises(BakeryError, match="eu-west-2: credentials: no answer from ") as caught:
        account.home.ec2("describe_regions")
    assert caught.value.exit_code is ExitCode.MISSING


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    "settings",
    [
        f"{ROLE}source_profile = nobody",
        f"{ROLE}source_profile = work",
        f"{ROLE}credential_source = Nonsense",
        "sso_session = nobody\nsso_account_id = 123456789012\nsso_role_name = x",
        "[profile work]\nregion = twice",
    ],
)
def test_settings_that_can_bring_no_keys_are_exit_code_2(settings: str, home: Path) -> None:
    profile(home, settings)
    error = trouble()
    assert error.exit_code is ExitCode.IMPOSSIBLE
    assert error.message.startswith("the AWS settings cannot be used: ")


@pytest.mark.parametrize(
    ("variables", "said", "hint"),
    [
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such", "AWS_ROLE_ARN": "arn"}, "/no/such: No such file", "AWS_WEB_"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"}, "Unsupported host", "AWS_CONTAINER_"),
        ({"AWS_ACCESS_KEY_ID": "AKIA\n", "AWS_SECRET_ACCESS_KEY": "x"}, "a line end", "AWS_ACCESS_KEY_ID and"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "missing: AWS_SECRET_ACCESS_KEY", "both halves of the key"),
        ({"AWS_SECRET_ACCESS_KEY": "x"}, "AWS_ACCESS_KEY_ID is not", "AWS_ACCESS_KEY_ID=AKIA"),
    ],
)
def test_a_variable_that_brings_no_keys_is_named(
    variables: dict[str, str], said: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    error = trouble()
    assert error.exit_code is ExitCode.MISSING
    assert said in error.message
    assert error.hint.startswith(hint)


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("half", "other"), [("aws_access_key_id", "secret_access"), ("aws_secret_access_key", "access_key_id")]
)
def test_half_a_key_in_a_profile_says_which_half_is_missing(half: str, other: str, home: Path) -> None:
    profile(home, "", keys=f"[work]\n{half} = x\n")
    error = trouble()
    assert error.exit_code is ExitCode.MISSING
    assert other in error.message
    assert "aws configure --profile work" in error.hint


def test_keys_in_the_environment_are_not_taken_for_the_profile_s(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    profile(home, "")
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    assert trouble().message.startswith("the AWS credentials in AWS_ACCESS_KEY_ID or the default profile cannot be had")
