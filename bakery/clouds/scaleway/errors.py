"""What a failed call means to a person: Scaleway's errors, and its object storage's, become one line with what to type.

Which errors pass by themselves is said here too, so that every word of Scaleway's for one stands in one place. The
words: scaleway-sdk-go, scw/errors.go; for object storage docs.aws.amazon.com/AmazonS3, "Error responses".
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import botocore.exceptions
import requests
from botocore.exceptions import BotoCoreError, ClientError
from scaleway_core.api import ScalewayException

from bakery.cloud.place import RefusedError, Sequel
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.reasons import proxy, reason

PERMISSIONS = "InstancesFullAccess, BlockStorageFullAccess and ObjectStorageFullAccess (docs/scaleway.md)"


class Code(StrEnum):
    """What a call can be refused for, in our words."""

    UNKNOWN_KEY = "the key is not accepted"
    FORBIDDEN = "not allowed"
    QUOTA = "a quota is used up"
    OUT_OF_STOCK = "out of stock"
    NOT_FOUND = "not found"
    BUSY = "in a state that passes"
    IN_USE = "in use"
    INVALID = "invalid"
    THROTTLED = "throttled"
    ELSEWHERE = "a bucket in another region"
    BROKEN = "broken"
    NO_ANSWER = "no answer"


_CODES = {
    "denied_authentication": Code.UNKNOWN_KEY,
    "permissions_denied": Code.FORBIDDEN,
    "quotas_exceeded": Code.QUOTA,
    "out_of_stock": Code.OUT_OF_STOCK,
    "not_found": Code.NOT_FOUND,
    "unknown_resource": Code.NOT_FOUND,
    "transient_state": Code.BUSY,
    "locked": Code.BUSY,
    "conflict": Code.IN_USE,
    "precondition_failed": Code.IN_USE,
    "resource_still_in_use": Code.IN_USE,
    "invalid_arguments": Code.INVALID,
    "invalid_request_error": Code.INVALID,
    "too_many_requests": Code.THROTTLED,
}
_STATUSES = {
    401: Code.UNKNOWN_KEY,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    409: Code.IN_USE,
    412: Code.IN_USE,
    429: Code.THROTTLED,
}
_S3_CODES = {
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch"), Code.UNKNOWN_KEY),
    "AccessDenied": Code.FORBIDDEN,
    **dict.fromkeys(("NoSuchBucket", "NoSuchKey", "NoSuchUpload", "404"), Code.NOT_FOUND),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed", "301"), Code.ELSEWHERE),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "TooManyRequests"), Code.THROTTLED),
    "QuotaExceeded": Code.QUOTA,
    "403": Code.FORBIDDEN,
}
SEQUELS = {Code.BUSY: Sequel.PASSES, Code.NO_ANSWER: Sequel.SILENT, Code.UNKNOWN_KEY: Sequel.SILENT}
LOST_CONNECTION = (
    requests.RequestException,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.HTTPClientError,
)
FAILED = (ScalewayException, ClientError, BotoCoreError, requests.RequestException)
"""Everything that a call may end with instead of an answer."""


class ApiError(RefusedError):
    """A call that Scaleway refused for good, or did not answer; `code` says in our words why."""

    def __init__(self, message: str, *, code: Code, hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.code = code

    @property
    def is_unanswered(self) -> bool:
        """Return whether nobody answered at all, so that this tells nothing, and another zone may."""
        return self.code is Code.NO_ANSWER

    @property
    def sequel(self) -> Sequel:
        """What follows from it."""
        return SEQUELS.get(self.code, Sequel.STANDS)


def code_of(error: Exception) -> Code:
    """Return what a call was refused for."""
    if isinstance(error, ScalewayException):
        status = error.status_code or 0
        told = _CODES.get(str(_body(error).get("type", "")))
        # An Instance that lacks room is refused with 403 as one that lacks rights is, and says so in words alone.
        if "quota" in str(_body(error).get("message", "")).lower():
            return Code.QUOTA
        return told or _STATUSES.get(status) or (Code.BROKEN if status >= 500 else Code.INVALID)
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        told = _S3_CODES.get(str(error.response.get("Error", {}).get("Code", "")))
        return told or (Code.BROKEN if status >= 500 else Code.INVALID)
    return Code.NO_ANSWER if isinstance(error, LOST_CONNECTION) else Code.INVALID


def is_passing(error: Exception) -> bool:
    """Return whether the same call may well be answered a little later."""
    if isinstance(error, requests.exceptions.SSLError | botocore.exceptions.SSLError):
        # A certificate that cannot be checked now cannot be checked in a minute either.
        return False
    return code_of(error) in {Code.THROTTLED, Code.BROKEN, Code.NO_ANSWER}


def complaint(error: Exception, *, action: str, where: str, origin: str) -> BakeryError:
    """Return what a call means that failed for good or for too long; *origin* says where the key comes from."""
    code = code_of(error)
    said, hint, exit_code = f"{where}: {action}: {_words(error)}", "", ExitCode.FAILED
    match code:
        case Code.UNKNOWN_KEY:
            said, hint = f"{where}: the API key {origin} is not accepted", "scw init, or a new key; keys may expire"
            exit_code = ExitCode.MISSING
        case Code.FORBIDDEN:
            said = f"{where}: {action} is not allowed: {_words(error)}"
            hint = f"a key with {PERMISSIONS} in that project; or it is another project's: SCW_DEFAULT_PROJECT_ID"
            exit_code = ExitCode.MISSING
        case Code.QUOTA:
            hint = "./inv prune, or more of it: console.scaleway.com, Organization, Quotas"
        case Code.OUT_OF_STOCK:
            hint = "another zone, or another type: scaleway.instance_type in images/NAME.toml, or --instance-type"
        case Code.ELSEWHERE:
            hint = "scaleway.buckets in images/NAME.toml: a bucket of that very region"
        case Code.IN_USE:
            hint = "end what uses it, then run it again"
        case Code.BUSY:
            hint = "run it again in a minute"
        case Code.THROTTLED | Code.BROKEN:
            hint, exit_code = "again later; https://status.scaleway.com knows of Scaleway's troubles", ExitCode.MISSING
        case Code.NO_ANSWER:
            said = f"{where}: {action}: no answer: {reason(error)}"
            between = f"the proxy {proxy()} (or NO_PROXY), " if proxy() else ""
            hint, exit_code = f"{between}the network, or SCW_API_URL", ExitCode.MISSING
    return ApiError(said, code=code, hint=hint, exit_code=exit_code)


def _body(error: ScalewayException) -> Mapping[str, Any]:
    try:
        found = error.response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(error: Exception) -> str:
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return str(told.get("Message") or told.get("Code") or "refused")
    if not isinstance(error, ScalewayException):
        return str(error)
    body = _body(error)
    details = body.get("details")
    told = "; ".join(filter(None, map(_detail, details if isinstance(details, list) else ())))
    told = told or str(body.get("precondition") or "")
    fields = body.get("fields")
    for name, problems in fields.items() if isinstance(fields, dict) else ():
        told += f"{'; ' if told else ''}{name}: {_joined(problems)}"
    return ": ".join(filter(None, (str(body.get("message") or body.get("help_message") or ""), told))) or (
        f"HTTP {error.status_code}"
    )


def _joined(problems: object) -> str:
    return (
        ", ".join(map(str, problems))
        if isinstance(problems, Sequence) and not isinstance(problems, str)
        else (str(problems))
    )


def _detail(detail: object) -> str:
    """Return one thing of which a refusal says more, in the order in which its kind is written down."""
    if not isinstance(detail, dict):
        return ""
    if "quota" in detail:
        return f"{detail.get('resource')} {detail.get('current')} of {detail['quota']}"
    words = [detail.get(key) for key in ("argument_name", "action", "resource", "reason", "help_message")]
    return " ".join(str(word) for word in words if word)
