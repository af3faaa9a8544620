"""Whose keys sign the calls: whatever one of boto3's many providers ends with is one line, and what to type.

Providers run programs of the user's and read files of other tools, so that any exception may come out of them.
"""

import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

import botocore.credentials
import botocore.exceptions
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from bakery.clouds.aws.errors import LOST_CONNECTION, ApiError, kind_of, profile, useless_settings, whose
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode, did_you_mean, impossible, missing
from bakery.places.account import NoCredentialsError

LONGEST_WORDS = 300
"""Letters of what a program said that was to bring keys: some say pages."""

ACTION = "credentials"
"""What a call is named that a provider makes to bring keys."""

_OTHER_WORDS: dict[type[Exception], str] = {
    botocore.exceptions.MissingDependencyException: "they come from `aws login`, which this cannot read by itself",
    botocore.exceptions.RefreshWithMFAUnsupportedError: "they have ended, and new ones need another MFA code",
}
# What was printed or left may be half a secret, and is not repeated.
_UNREADABLE = {
    ("credential_process",): "credential_process printed something else than the one JSON object that is asked of it",
    ("sso_start_url", "sso_session"): "what `aws sso login` has left in ~/.aws/sso/cache cannot be read",
}
_VARIABLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
"""Those that lead to keys without any profile."""

_KEY = re.compile(r"[!-~]+")
_UNUSABLE = (
    botocore.exceptions.ConfigParseError,
    botocore.exceptions.InfiniteLoopConfigError,
    botocore.exceptions.InvalidConfigError,
)
"""Settings that can bring no keys to anybody."""


def load(session: botocore.session.Session) -> None:
    """Find out where a session's keys come from.

    Raises BakeryError: exit code 2 for a profile that does not exist and settings that cannot be used, 3 when there are
    no keys or they cannot be had.
    """
    try:
        _prepare(session)
        found = session.get_credentials()
    except botocore.exceptions.ProfileNotFound as error:
        name, known = error.kwargs["profile"], botocore.session.Session().available_profiles
        raise impossible(f"there is no AWS profile {name!r}", hint=did_you_mean(name, known)) from error
    except _UNUSABLE as error:
        raise useless_settings(error) from error
    except Exception as error:
        raise _trouble(error) from error
    if found is None:
        raise no_credentials()


def keys(session: Any) -> Any:
    """Return the keys of a session, boto3's or botocore's, as they are now, renewed where they end soon.

    Raises what a call to AWS itself does when the providers' own call did not get through or was refused, and
    BakeryError (exit code 3) for all else.
    """
    try:
        found = session.get_credentials().get_frozen_credentials()
    except (ClientError, *LOST_CONNECTION):
        raise
    except Exception as error:
        raise _trouble(error) from error
    if not all(_KEY.fullmatch(part) for part in (found.access_key, found.secret_key, found.token or "-")):
        # urllib3's own complaint would come after fifteen seconds, and show a signature.
        raise _trouble(ValueError("a key holds a space, a line end or a letter that no key has"))
    return found


def is_renewed(session: Any) -> bool:
    """Return whether a session's keys are of a provider that brings others before they end."""
    return isinstance(session.get_credentials(), botocore.credentials.RefreshableCredentials)


def is_renewable(session: Any) -> bool:
    """Return whether others can be had without anybody's help: an MFA code serves once."""
    return is_renewed(session) and not _value(_settings(), "mfa_serial")


def no_credentials() -> BakeryError:
    """Return the error of an environment that names no AWS account."""
    name, held = profile(), _settings()[0]
    said = "there are no AWS credentials"
    hint = "AWS_PROFILE=name, or `aws configure`; --rehearse needs no account"
    if os.environ.get("AWS_SECRET_ACCESS_KEY"):
        where, hint = "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not", "AWS_ACCESS_KEY_ID=AKIA…"
    elif "aws_secret_access_key" in held:
        where = f"the profile {name or 'default'!r} has aws_secret_access_key, and no aws_access_key_id"
        hint = f"aws configure{_for_profile()}"
    elif name:
        where = f"the profile {name!r} holds none"
    else:
        return NoCredentialsError(f"{said}: AWS_PROFILE and AWS_ACCESS_KEY_ID are not set", hint=hint)
    return missing(f"{said}: {where}", hint=hint)


def _prepare(session: botocore.session.Session) -> None:
    """Let a session's providers wait for nobody: without a terminal, whatever asks a person is refused."""
    providers = session.get_component("credential_provider")
    assuming = providers.get_provider("assume-role")

    def running(profile_name: str) -> botocore.credentials.ProcessProvider:
        return botocore.credentials.ProcessProvider(profile_name, lambda: session.full_config, popen=process.Asked)

    # botocore has no other way to say who asks a person, and who runs a credential_process: of a profile, or of the
    # one that it names as its source.
    assuming._prompter = _prompt  # noqa: SLF001
    assuming._profile_provider_builder._create_process_provider = running  # noqa: SLF001
    providers.get_provider("custom-process")._popen = process.Asked  # noqa: SLF001


def _prompt(question: str) -> str:
    import getpass

    if not process.has_terminal():
        raise missing("an MFA code is asked for, and there is no terminal to type it in")
    return getpass.getpass(question)


def _trouble(error: Exception) -> ApiError:
    chain = _settings()
    said = " ".join(_words(error, chain).split())[:LONGEST_WORDS]
    return ApiError(
        f"the AWS credentials {whose()} cannot be had: {said}",
        code=kind_of(error),
        hint=_way_out(error, chain),
        exit_code=ExitCode.MISSING,
    )


def _settings() -> list[Mapping[str, Any]]:
    """Return the settings of the profile, and of those that it names as its source, as far as they can be read."""
    try:
        profiles = botocore.session.Session().full_config.get("profiles", {})
    except BotoCoreError:
        return [{}]
    name, found = profile() or "default", dict[str, Mapping[str, Any]]()
    while name and name not in found:
        found[name] = profiles.get(name, {})
        name = found[name].get("source_profile", "")
    return list(found.values())


def _words(error: Exception, chain: list[Mapping[str, Any]]) -> str:
    """Return what an error says, in words that need no Python."""
    if isinstance(error, BakeryError):
        return error.message
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    if isinstance(error, botocore.exceptions.CredentialRetrievalError):
        return str(error.kwargs["error_msg"])
    if isinstance(error, BotoCoreError):
        return next((words for kind, words in _OTHER_WORDS.items() if isinstance(error, kind)), str(error))
    # Of those that Python itself raises, these two are raised with words for people; the others are of a parser.
    if type(error) in {RuntimeError, ValueError}:
        return str(error)
    return next((words for names, words in _UNREADABLE.items() if _value(chain, *names)), str(error))


def _way_out(error: Exception, chain: list[Mapping[str, Any]]) -> str:
    if isinstance(error, botocore.exceptions.PartialCredentialsError) and error.kwargs["provider"] != "assume-role":
        return f"both halves of the key, or neither: aws configure{_for_profile()}, or AWS_… variables"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    exported = f'eval "$(aws configure export-credentials{_for_profile()} --format env)"'
    # A program's options may be secrets, and a CI job keeps what is printed.
    program = next(iter(_value(chain, "credential_process").split()), "")
    ways: dict[tuple[str, ...], str] = {
        ("credential_process",): f"run by itself what credential_process in ~/.aws/config says ({program} …)",
        ("login_session",): f"aws login{_for_profile()}, then {exported}",
        ("sso_start_url", "sso_session"): f"aws sso login{_for_profile()}",
        ("mfa_serial",): f"run it in a terminal, or first {exported}",
        **{
            (name,): f"{name} in ~/.aws/config" for name in ("web_identity_token_file", "credential_source", "role_arn")
        },
    }
    found = [way for names, way in ways.items() if _value(chain, *names)]
    found += [f"{name}, which is set" for name in _VARIABLES if os.environ.get(name)]
    return found[0] if found else f"aws sso login{_for_profile()}, or new keys"


def _value(chain: list[Mapping[str, Any]], *names: str) -> str:
    return next((str(one[name]) for one in chain for name in names if name in one), "")


def _for_profile() -> str:
    return f" --profile {shlex.quote(profile())}" if profile() else ""
