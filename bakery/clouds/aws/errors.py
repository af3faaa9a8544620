"""What a failed call means to a person: boto3's errors become one line that says what to do about it.

Which errors pass by themselves is said here too, so that every code of AWS stands in one place.
"""

import os
import re

import botocore.exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from bakery.cloud.place import RefusedError, Sequel
from bakery.clouds.aws import policies
from bakery.core.errors import BakeryError, ExitCode, did_you_mean, impossible
from bakery.core.reasons import proxy, reason
from bakery.definition.aws_regions import REGIONS, Partition, partition

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, and the errors of SSM and EBS direct.
THROTTLED = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled", "RequestThrottledException"}
    | {"TooManyRequestsException", "TooManyUpdates", "SlowDown"}
)
REFUSED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
UNKNOWN_KEY = frozenset({"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
CLOCK = frozenset({"RequestExpired", "SignatureDoesNotMatch"})
"""Good credentials, too, are answered so where this machine's clock is minutes off."""
PASSING = frozenset({"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound", "IncorrectState"})
"""Codes that a little later may be none: a new image is not known everywhere at once."""
SEQUELS = {
    **dict.fromkeys(PASSING, Sequel.PASSES),
    **dict.fromkeys(("InvalidAMIName.Duplicate", "InvalidLaunchTemplateName.AlreadyExistsException"), Sequel.MADE),
    # Of copies, that is: other copies to that region end some time.
    "ResourceLimitExceeded": Sequel.FULL,
}
LOST_CONNECTION = (
    botocore.exceptions.ConnectionError,
    botocore.exceptions.HTTPClientError,
    ResponseParserError,
)
FAILED = (BotoCoreError, ClientError, ResponseParserError)
"""Everything that a call may end with instead of an answer."""
# What was refused may be another action than the one that was called: iam:PassRole, say, or sts:AssumeRole.
_ACTION = re.compile(r"not authorized to perform: (?P<action>[a-z0-9-]+:\w+)")
# Hundreds of letters that only sts:DecodeAuthorizationMessage can read.
_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")


NO_ANSWER = "NoAnswer"
"""Our own word, where AWS said none."""


class ApiError(RefusedError):
    """A call that AWS refused for good: `code` is AWS's own word for it, `reason` the finer one that EBS direct has."""

    def __init__(
        self, message: str, *, code: str, reason: str = "", hint: str = "", exit_code: ExitCode = ExitCode.FAILED
    ) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.code, self.reason = code, reason

    @property
    def is_of_one_call(self) -> bool:
        """Return whether another call may well be answered: no trouble of the network, the credentials or AWS's own."""
        return self.exit_code is ExitCode.FAILED or self.code in REFUSED

    @property
    def is_unanswered(self) -> bool:
        """Return whether AWS did not answer at all, so that its region tells nothing, and another may."""
        return self.code == NO_ANSWER

    @property
    def sequel(self) -> Sequel:
        """What follows from it."""
        return SEQUELS.get(self.code, Sequel.STANDS if self.is_of_one_call else Sequel.SILENT)


def is_passing(error: Exception) -> bool:
    """Return whether the same call may well be answered a little later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or code_of(error) in THROTTLED
    # A certificate that cannot be checked now cannot be checked in a minute either.
    return isinstance(error, LOST_CONNECTION) and not isinstance(error, botocore.exceptions.SSLError)


def code_of(error: ClientError) -> str:
    """Return AWS's word for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def complaint(error: Exception, *, action: str, region: str) -> BakeryError:
    """Return what a call means that failed for good or for too long; *action* is such as `ec2:CopyImage`."""
    if isinstance(error, ClientError):
        return _answered(error, action=action, region=region)
    if isinstance(error, LOST_CONNECTION):
        said = f"{region}: {action}: no answer{_endpoint(error)}: {reason(error)}"
        return _api_error(said, code=NO_ANSWER, hint=_way_there(error, region))
    return ApiError(f"{region}: {action}: {error}", code=kind_of(error))


def _endpoint(error: Exception) -> str:
    address = getattr(error, "kwargs", {}).get("endpoint_url", "")
    return f" from {address}" if address else ""


def useless_settings(error: Exception) -> BakeryError:
    """Return the error of settings that boto3 cannot read."""
    return impossible(f"the AWS settings cannot be used: {error}", hint="~/.aws/config, and AWS_* variables")


def _answered(error: ClientError, *, action: str, region: str) -> ApiError:
    code = code_of(error)
    text = _ENCODED.sub("", str(error.response.get("Error", {}).get("Message", "")))
    # EC2 answers so, too, where the credentials are good and the image or snapshot is somebody else's.
    if code in REFUSED or (code == "AuthFailure" and text.startswith("Not authorized")):
        found = _ACTION.search(text)
        refused = found["action"] if found else action
        hint = "whoever set up that explicit deny" if "explicit deny" in text else policies.hint(refused)
        return _api_error(f"{region}: {refused} is not allowed: {text}", code=code, hint=hint)
    clock = "; or this machine's clock is wrong" if code in CLOCK else ""
    if code in EXPIRED:
        hint = f"{_sign_in_hint()}{clock}"
        return _api_error(f"{region}: the AWS credentials {whose()} have expired", code=code, hint=hint)
    if code in UNKNOWN_KEY:
        # A region that the account has not opted in to does not know its credentials: AWS General Reference,
        # "Enable or disable AWS Regions".
        hint = f"{_sign_in_hint()}; or this account has not opted in to {region}{clock}"
        return _api_error(f"{region}: the AWS credentials {whose()} are not accepted", code=code, hint=hint)
    said = f"{region}: {action}: {text or code} ({code})"
    if is_passing(error):
        return _api_error(said, code=code, hint=f"again later; {_health(region)} knows of AWS's troubles")
    return ApiError(said, code=code, reason=str(error.response.get("Reason", "")))


def _health(region: str) -> str:
    # Of the other partitions only their consoles tell.
    is_public = partition(region) in {Partition.AWS, Partition.GOVERNMENT}
    return "https://health.aws.amazon.com" if is_public else "the Health Dashboard in the console"


def _way_there(error: Exception, region: str) -> str:
    if isinstance(error, botocore.exceptions.SSLError):
        return "AWS_CA_BUNDLE=file, where a proxy has certificates of its own"
    if region not in REGIONS:
        return did_you_mean(region, REGIONS)
    between = f"the proxy {proxy()} (or NO_PROXY), " if proxy() else ""
    return f"{between}the network, or AWS_ENDPOINT_URL"


def _api_error(message: str, *, code: str, hint: str) -> ApiError:
    return ApiError(message, code=code, hint=hint, exit_code=ExitCode.MISSING)


def kind_of(error: Exception) -> str:
    """Return AWS's word for an error, or the name of what was lost on the way."""
    return code_of(error) if isinstance(error, ClientError) else type(error).__name__


def profile() -> str:
    """Return the profile that the environment names, empty for none."""
    # In boto3's order: botocore/configprovider.py, "profile".
    return os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or ""


def whose() -> str:
    """Return which credentials are meant: keys in the environment come before a profile's (botocore/credentials.py)."""
    if profile() and not os.environ.get("AWS_ACCESS_KEY_ID"):
        return f"of the profile {profile()!r}"
    return "in AWS_ACCESS_KEY_ID or the default profile"


def _sign_in_hint() -> str:
    return f"aws sso login{f' --profile {profile()}' if profile() else ''}, or new keys"
