"""AWS as the commands see it: what passes is repeated, what does not is one line that says what to do."""

import json
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from bakery.clouds.aws import account as aws
from bakery.clouds.aws import policies
from bakery.clouds.aws.account import Account, ApiError, connect, rehearse
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import Stopped
from bakery.rehearsal.answers import Answer, refused
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal, serving
from tests.aws_account import account_of, forget_aws, policed, scripted, xml

KEYS = ("AKIAABCDEFGHIJKLMNOP", "secret")
NO_REGIONS = xml("<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setattr(aws, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(aws, "LONGEST_PAUSE_S", 0.05)
    return tmp_path


@pytest.fixture
def cloud() -> Iterator[Rehearsal]:
    with serving() as rehearsal:
        yield rehearsal


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def refusal(account: Account) -> ApiError:
    with pytest.raises(ApiError) as caught:
        account.home.ec2("describe_regions")
    return caught.value


def an_error(code: str, message: str = "No.", *, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> Answer:
    return refused("ec2", status=status, code=code, message=message)


def refusal_of(answer: Answer) -> ApiError:
    with scripted(answer) as server:
        return refusal(rehearse(endpoint=server.url, keys=KEYS))


def test_what_is_throttled_or_broken_is_repeated_until_it_passes(cloud: Rehearsal, account: Account) -> None:
    cloud.faults = Faults(throttled=0.3, broken=0.1)
    for _ in range(20):
        assert len(account.home.ec2("describe_regions")["Regions"]) == 17
        assert account.home.ssm("describe_parameters")["Parameters"] == []
    assert len(cloud.calls) > 45


def test_pauses_grow_and_are_spread(monkeypatch: pytest.MonkeyPatch, account: Account, cloud: Rehearsal) -> None:
    pauses: list[float] = []
    cloud.faults = Faults(throttled=1.0)

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 60:
            raise Stopped

    monkeypatch.setattr(account, "pause", pause)
    with pytest.raises(Stopped):
        account.home.ec2("describe_regions")
    assert max(pauses[:2]) <= 0.002
    assert 0.02 < max(pauses) <= 0.05
    assert len(set(pauses)) == 60


def test_a_deadline_ends_it(cloud: Rehearsal, account: Account) -> None:
    cloud.faults = Faults(throttled=1.0)
    account.patience_s = 1
    began = time.monotonic()
    error = refusal(account)
    assert 0.5 < time.monotonic() - began < aws.FIRST_CONTACT_S
    assert len(cloud.calls) > 1
    assert (error.code, error.exit_code) == ("RequestLimitExceeded", ExitCode.MISSING)
    assert error.message.startswith("us-east-1: ec2:DescribeRegions: ")


def test_boto3_repeats_nothing_by_itself(cloud: Rehearsal, account: Account) -> None:
    cloud.faults = Faults(throttled=1.0)
    account.patience_s = 0
    refusal(account)
    assert len(cloud.calls) == 1


def test_a_refusal_for_good_is_not_repeated(cloud: Rehearsal, account: Account) -> None:
    with pytest.raises(ApiError) as caught:
        account.home.ssm("get_parameter", Name="/shop/none")
    assert (caught.value.code, caught.value.exit_code) == ("ParameterNotFound", ExitCode.FAILED)
    assert len(cloud.calls) == 1


def test_a_call_that_cannot_be_meant_says_so_and_never_leaves(cloud: Rehearsal, account: Account) -> None:
    with pytest.raises(ApiError) as caught:
        account.home.ec2("describe_regions", AllRegion=True)
    assert caught.value.code == "ParamValidationError"
    assert "AllRegion" in caught.value.message
    assert cloud.calls == []


def test_a_connection_that_breaks_off_is_made_again() -> None:
    with scripted(None, None, NO_REGIONS) as server:
        assert rehearse(endpoint=server.url, keys=KEYS).home.ec2("describe_regions")["Regions"] == []
        assert len(server.asked) == 3


@pytest.mark.parametrize("answer", [None, Answer(status="200 OK", headers=(), body=b"<html>Sign in to this Wi-Fi")])
def test_a_connection_that_stays_broken_is_exit_code_3(answer: Answer | None) -> None:
    with scripted(answer) as server:
        account = rehearse(endpoint=server.url, keys=KEYS)
        account.patience_s = 1
        error = refusal(account)
        assert len(server.asked) > 1
    assert (error.code, error.exit_code) == ("NoAnswer", ExitCode.MISSING)
    assert error.message.startswith("us-east-1: ec2:DescribeRegions: no answer")
    assert error.message.endswith(": the connection was cut" if answer is None else "a network that wants a login?")
    assert len(error.message.splitlines()) == 1
    assert error.hint == "the network, or AWS_ENDPOINT_URL"


def test_an_aws_that_never_answered_is_given_up_sooner(cloud: Rehearsal, account: Account) -> None:
    assert account.deadline_s == aws.FIRST_CONTACT_S
    account.home.ec2("describe_regions")
    assert account.deadline_s == aws.CALL_DEADLINE_S


def test_a_refusal_is_an_answer_too(cloud: Rehearsal, account: Account) -> None:
    with pytest.raises(ApiError):
        account.home.ssm("get_parameter", Name="/shop/none")
    assert account.deadline_s == aws.CALL_DEADLINE_S


def test_no_answer_where_no_region_is_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    account = rehearse(endpoint="http://127.0.0.1:9", keys=KEYS)
    account.patience_s = 0.01
    with pytest.raises(ApiError) as caught:
        account.region("eu-wset-1").ec2("describe_regions")
    assert caught.value.hint == "did you mean 'eu-west-1'?"


def test_a_certificate_that_cannot_be_checked_is_no_reason_to_wait() -> None:
    with scripted(NO_REGIONS) as server:
        account = rehearse(endpoint=server.url.replace("http:", "https:"), keys=KEYS)
        began = time.monotonic()
        error = refusal(account)
    assert time.monotonic() - began < aws.FIRST_CONTACT_S / 2
    assert (error.code, error.exit_code) == ("NoAnswer", ExitCode.MISSING)
    assert error.hint.startswith("AWS_CA_BUNDLE=")


@pytest.mark.parametrize(("code", "is_clock"), [("RequestExpired", True), ("ExpiredToken", False)])
def test_a_clock_that_may_be_wrong_is_told_of(code: str, is_clock: bool) -> None:
    assert refusal_of(an_error(code)).hint.endswith("; or this machine's clock is wrong") is is_clock


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException"])
def test_expired_credentials_lead_to_new_ones(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    error = refusal_of(an_error(code))
    assert error.message == ("us-east-1: the AWS credentials in AWS_ACCESS_KEY_ID or the default profile have expired")
    assert (error.exit_code, error.hint) == (ExitCode.MISSING, "aws sso login, or new keys")
    monkeypatch.setenv("AWS_PROFILE", "work")
    error = refusal_of(an_error(code))
    assert "of the profile 'work' have expired" in error.message
    assert error.hint == "aws sso login --profile work, or new keys"


def test_unknown_credentials_are_named_with_the_two_reasons_there_may_be(cloud: Rehearsal) -> None:
    with policed(cloud, "ec2:*"):
        error = refusal(rehearse(endpoint=cloud.url, keys=KEYS))
    assert (error.code, error.exit_code) == ("AuthFailure", ExitCode.MISSING)
    assert "are not accepted" in error.message
    assert error.hint == "aws sso login, or new keys; or this account has not opted in to us-east-1"


def test_a_denied_action_is_named_with_the_policy_that_allows_it(
    cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(policies, "FOLDER", tmp_path)
    statement = {"Effect": "Allow", "Action": ["ec2:DescribeImages"], "Resource": "*"}
    (tmp_path / "publish.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with policed(cloud, "ec2:DescribeRegions") as account:
        assert account.usable
        with pytest.raises(ApiError) as caught:
            account.home.ec2("describe_images", Owners=["self"])
    error = caught.value
    assert error.message.startswith("us-east-1: ec2:DescribeImages is not allowed: User: arn:aws:iam::")
    assert error.exit_code is ExitCode.MISSING
    assert error.hint == "attach docs/iam/publish.json, which allows ec2:DescribeImages"


def test_what_was_refused_may_be_another_action_than_the_call() -> None:
    text = "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/x is not authorized "
    text += "to perform: iam:PassRole on resource: arn. Encoded authorization failure message: AbC-dEf_123"
    error = refusal_of(an_error("UnauthorizedOperation", text))
    assert error.message.startswith("us-east-1: iam:PassRole is not allowed: ")
    assert error.message.endswith("on resource: arn.")
    assert error.hint == "attach docs/iam/profile.json, which allows iam:PassRole"


def test_an_explicit_deny_is_not_answered_with_a_policy_that_allows() -> None:
    text = "User: x is not authorized to perform: ec2:DescribeRegions with an explicit deny in a service control policy"
    assert refusal_of(an_error("UnauthorizedOperation", text)).hint == "whoever set up that explicit deny"


def test_somebody_elses_image_is_no_matter_of_credentials() -> None:
    error = refusal_of(an_error("AuthFailure", "Not authorized for images: [ami-1]"))
    assert error.message == "us-east-1: ec2:DescribeRegions is not allowed: Not authorized for images: [ami-1]"


def test_a_region_that_is_not_opted_in_to_is_refused_before_it_is_asked(cloud: Rehearsal, account: Account) -> None:
    with pytest.raises(BakeryError, match="this account has not opted in to ap-east-1") as caught:
        account.require(["eu-west-1", "ap-east-1"])
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint.startswith("aws account enable-region --region-name ap-east-1")
    assert [call.region for call in cloud.calls] == ["us-east-1"]


def test_a_region_that_is_not_opted_in_to_and_asked_all_the_same_says_so(account: Account) -> None:
    with pytest.raises(ApiError, match=r"ap-east-1: the AWS credentials .* are not accepted") as caught:
        account.region("ap-east-1").ec2("describe_regions")
    assert caught.value.hint.endswith("; or this account has not opted in to ap-east-1")


def test_a_region_that_was_opted_in_to_is_usable(cloud: Rehearsal, account: Account) -> None:
    cloud.world.opted_in.add("ap-east-1")
    assert len(account.usable) == 18
    assert [region.name for region in account.require(["ap-east-1", "eu-west-1", "ap-east-1"])] == [
        "ap-east-1",
        "eu-west-1",
    ]


def test_an_unknown_region_is_answered_with_the_nearest(account: Account) -> None:
    with pytest.raises(BakeryError) as caught:
        account.require(("eu-wset-2",))
    assert (caught.value.message, caught.value.hint) == ("there is no region 'eu-wset-2'", "did you mean 'eu-west-2'?")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_region_of_another_partition_is_no_matter_of_its_name(account: Account) -> None:
    with pytest.raises(BakeryError, match="cn-north-1 is in the partition aws-cn, and us-east-1 in aws") as caught:
        account.require(["cn-north-1"])
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert "AWS_REGION=cn-north-1" in caught.value.hint


@pytest.mark.parametrize(
    ("near", "home"), [("", "us-east-1"), ("cn-northwest-1", "cn-north-1"), ("eusc-de-east-1", "eusc-de-east-1")]
)
def test_where_no_region_is_set_the_partition_of_what_is_wanted_says_whom_to_ask(
    near: str, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    assert connect(near=near).home.name == home
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert connect(near=near).home.name == "eu-west-2"


@pytest.mark.parametrize(("region", "place"), [("eu-west-2", "https://health.aws"), ("cn-north-1", "in the console")])
def test_aws_s_troubles_are_looked_up_where_its_partition_tells_of_them(region: str, place: str) -> None:
    with scripted(an_error("InternalError", status=HTTPStatus.INTERNAL_SERVER_ERROR)) as server:
        account = rehearse(endpoint=server.url, keys=KEYS)
        account.patience_s = 0
        with pytest.raises(ApiError) as caught:
            account.region(region).ec2("describe_regions")
    assert place in caught.value.hint


def test_a_pause_ends_at_once_when_the_command_is_stopped(account: Account) -> None:
    threading.Timer(0.1, account.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        account.pause(30)
    assert time.monotonic() - began < 5


def test_what_was_started_can_be_ended_after_the_command_was_stopped(account: Account) -> None:
    assert account.usable
    account.stop.set()
    aside = account.aside()
    assert aside.home.ec2("describe_regions")["Regions"]
    assert (aside.deadline_s, aside.is_rehearsal) == (aws.CALL_DEADLINE_S, True)
    with pytest.raises(Stopped):
        account.pause(0)


def test_packer_is_given_the_keys_and_no_profile(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "credentials").write_text(
        f"[work]\naws_access_key_id = {KEYS[0]}\naws_secret_access_key = {KEYS[1]}\naws_session_token = token\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert connect().environment() == {
        "AWS_ACCESS_KEY_ID": KEYS[0],
        "AWS_SECRET_ACCESS_KEY": KEYS[1],
        "AWS_SESSION_TOKEN": "token",
        "AWS_PROFILE": "",
    }


def test_no_call_is_begun_after_the_command_was_stopped(cloud: Rehearsal, account: Account) -> None:
    account.stop.set()
    with pytest.raises(Stopped):
        account.home.ec2("describe_regions")
    assert cloud.calls == []


def test_all_pages_are_read(cloud: Rehearsal, account: Account) -> None:
    for number in range(5):
        account.home.ssm("put_parameter", Name=f"/shop/{number}", Value="x", Type="String")
    cloud.calls.clear()
    found = account.home.all("ssm", "get_parameters_by_path", "Parameters", Path="/shop", MaxResults=2)
    assert [one["Name"] for one in found] == [f"/shop/{number}" for number in range(5)]
    assert [call.action for call in cloud.calls] == ["GetParametersByPath"] * 3


def test_many_threads_share_an_account(account: Account) -> None:
    regions = account.require(account.usable)
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda region=region: numbers.append(len(region.ssm("describe_parameters"))))
        for region in regions
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 51
    assert account.region("eu-west-1") is account.region("eu-west-1")


def test_the_account_number_is_twelve_digits(account: Account) -> None:
    assert account.number == "123456789012"


def test_missing_credentials_are_exit_code_3_and_name_the_way_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BakeryError, match="AWS_PROFILE and AWS_ACCESS_KEY_ID are not set") as caught:
        connect()
    assert caught.value.exit_code is ExitCode.MISSING
    assert "--rehearse" in caught.value.hint


def test_a_profile_without_credentials_is_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "config").write_text("[profile work]\nregion = eu-west-2\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    with pytest.raises(BakeryError, match="there are no AWS credentials: the profile 'work' holds none"):
        connect()


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_missing_profile_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, home: Path, variable: str
) -> None:
    (home / "config").write_text("[profile work]\nregion = eu-west-2\n")
    monkeypatch.setenv(variable, "wrok")
    with pytest.raises(BakeryError) as caught:
        connect()
    assert (caught.value.message, caught.value.hint) == ("there is no AWS profile 'wrok'", "did you mean 'work'?")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_profile_that_nobody_is_signed_in_to_leads_to_the_sign_in(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    sso = "sso_start_url = https://x.example\nsso_region = eu-west-2\nsso_account_id = 123456789012\nsso_role_name = x"
    (home / "config").write_text(f"[profile work]\nregion = eu-west-2\n{sso}\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(ApiError, match="the AWS credentials of the profile 'work' cannot be had: "):
        connect().environment()
    with pytest.raises(ApiError, match="the AWS credentials of the profile 'work' cannot be had: ") as caught:
        connect().home.ec2("describe_regions")
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint == "aws sso login --profile work"


def test_half_a_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    with pytest.raises(ApiError, match="AWS_SECRET_ACCESS_KEY") as caught:
        connect()
    assert caught.value.exit_code is ExitCode.MISSING


def test_settings_that_cannot_be_read_are_exit_code_2(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "config").write_text("[profile work\n")
    with pytest.raises(BakeryError, match="the AWS settings cannot be used: ") as caught:
        connect()
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_an_endpoint_that_is_no_address_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(BakeryError, match=r"the AWS settings cannot be used: .*nonsense") as caught:
        connect().home.ec2("describe_regions")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_the_environment_names_key_region_and_endpoint(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    account = connect()
    assert not account.is_rehearsal
    assert account.usable
    assert [call.region for call in cloud.calls] == ["eu-west-2"]


def test_without_a_region_the_first_one_is_asked(cloud: Rehearsal, account: Account) -> None:
    assert account.home.name == "us-east-1"


def test_a_rehearsal_takes_nothing_from_the_environment(
    cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / "config").write_text("[default]\nretry_mode = nonsense\n")
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_REGION": "eu-west-2",
        "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    account = account_of(cloud)
    account.patience_s = 0.1
    assert account.is_rehearsal
    assert len(account.usable) == 17
    assert [call.region for call in cloud.calls] == ["us-east-1"]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_aws_is_asked_through_the_proxy_and_the_proxy_is_named_when_it_does_not_answer(
    name: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    for each in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{each}_proxy", raising=False)
        monkeypatch.delenv(f"{each.upper()}_PROXY", raising=False)
    monkeypatch.setenv(name, "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    account = connect()
    account.patience_s = 0.1
    with pytest.raises(BakeryError, match="connection refused") as caught:
        account.region("eu-west-2").ec2("describe_regions")
    assert caught.value.hint == "the proxy http://127.0.0.1:9 (or NO_PROXY), the network, or AWS_ENDPOINT_URL"
    assert "secret" not in caught.value.message
    monkeypatch.setenv(name, "socks4://127.0.0.1:9")
    with pytest.raises(BakeryError, match="goes through a"):
        connect()
