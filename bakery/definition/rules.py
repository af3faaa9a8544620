"""The small values a definition is made of: each refuses what could not work, or could not be quoted safely later."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from bakery.core.errors import did_you_mean
from bakery.definition import calendar_times
from bakery.definition.bases import BaseName

HOURS = {"h": 1, "d": 24, "w": 24 * 7}
LONGEST_KEEP_HOURS = 24 * 365
RESERVED_PORTS = {22: "sshd", 53: "the system's own name service", 80: "dokku's apps", 443: "dokku's apps"}

# Debian Policy 5.6.1 (package names) and 5.6.12 (versions, here with apt's * and ?).
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_GLOB = re.compile(r"[A-Za-z0-9.+~:*?-]+")
_IMAGE = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_URL = re.compile(r"https?://[A-Za-z0-9.:_~/@%+-]+")
_GIT_URL = re.compile(r"(https|git|ssh)://[A-Za-z0-9.:_~/@%+-]+")
_FINGERPRINT = re.compile(r"[0-9A-F]{16}([0-9A-F]{24})?")
_RELEASE = re.compile(r"\d+\.\d+\.\d+")
# Names that plugn and sshcommand take for what they say: both put them into regular expressions and paths.
_PLUGIN = re.compile(r"[a-z0-9][a-z0-9-]*")
_KEY_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Table(BaseModel):
    """A table of a definition, read strictly."""

    # Strict for every value; the fields that say strict=False are enums and tuples, which TOML can only write as
    # text and lists.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True, serialize_by_alias=True)


def wrong(message: str, *, key: str = "", hint: str = "") -> PydanticCustomError:
    """Return the error of a value that cannot be; *key* is the path below the place where it is raised."""
    return PydanticCustomError("impossible", "{text}", {"text": message, "key": key, "hint": hint})


def image_name(text: str) -> str:
    """Return an image's name if it can be a file's, a box's and a cloud image's name too."""
    if not _IMAGE.fullmatch(text):
        raise wrong(f"{text!r} is no image name: small letters, digits and inner dashes, at most 40")
    return text


def _description(text: str) -> str:
    if not text.isprintable() or len(text) > 255:
        raise wrong("must be one line of at most 255 characters")
    return text


def _package(text: str) -> str:
    if not _PACKAGE.fullmatch(text):
        hint = "versions go into docker.version and nginx.version" if "=" in text else ""
        raise wrong(f"{text!r} is no package name", hint=hint)
    return text


def _glob(text: object, *, key: str = "") -> str:
    if not isinstance(text, str):
        raise wrong("must be a version glob such as '1.22.*'", key=key)
    if not _GLOB.fullmatch(text):
        raise wrong(f"{text!r} is no version glob: letters, digits and . + ~ : - with * and ?", key=key)
    return text


def _pin(value: object) -> str | dict[str, str]:
    if not isinstance(value, dict):
        return _glob(value)
    known = [name.value for name in BaseName]
    for name in value:
        if name not in known:
            raise wrong("there is no such base", key=str(name), hint=did_you_mean(str(name), known))
    return {str(name): _glob(glob, key=str(name)) for name, glob in value.items()}


def _calendar(text: str) -> str:
    if problem := calendar_times.problem(text):
        hint = "'*-*-* 04:15:00' is every day at a quarter past four; man systemd.time has more"
        raise wrong(f"{text!r} is no systemd calendar time: {problem}", hint=hint)
    return text


def keep_hours(text: str) -> int:
    """Return a duration such as ``36h``, ``3d`` or ``2w`` in hours."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", text)
    if not found:
        raise wrong(f"{text!r} is no duration such as '24h', '3d' or '2w'")
    hours = int(found[1]) * HOURS[found[2]]
    if hours > LONGEST_KEEP_HOURS:
        raise wrong(f"{text!r} is longer than a year")
    return hours


def _duration(text: str) -> str:
    keep_hours(text)
    return text


def _matching(pattern: re.Pattern[str], what: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise wrong(f"{text!r} is no {what}")
    return text


def _address(text: str) -> str:
    return _matching(_URL, "address such as 'https://mirror.example/dokku'", text).rstrip("/") if text else text


def _fingerprint(text: str) -> str:
    plain = text.replace(" ", "").upper()
    if plain and not _FINGERPRINT.fullmatch(plain):
        raise wrong(f"{text!r} is no fingerprint of a key: 40 hex digits (or the last 16)")
    return plain


def _port(number: int) -> int:
    if not 1 <= number <= 65535:
        raise wrong(f"{number} is no port: 1 to 65535")
    if number in RESERVED_PORTS:
        raise wrong(f"port {number} belongs to {RESERVED_PORTS[number]}")
    return number


def _served_or_not(number: int) -> int:
    if number not in (200, 503):
        raise wrong(f"{number} is not possible: 200, or 503 as for what is unhealthy")
    return number


class KeyText(str):
    """A public key as a definition names it; *folder* is the definition's, where the path of a file begins."""

    __slots__ = ("folder",)
    folder: Path


def _key_text(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise wrong("must be text in quotes")
    if info.context is None:
        return value
    text = KeyText(value)
    text.folder = info.context["folder"]
    return text


KeyValue = Annotated[str, PlainValidator(_key_text)]
ImageName = Annotated[str, AfterValidator(image_name)]
Description = Annotated[str, AfterValidator(_description)]
PackageName = Annotated[str, AfterValidator(_package)]
Pin = Annotated[str | dict[str, str], BeforeValidator(_pin)]
"""A version glob for every base, or a table with one for each base."""
Calendar = Annotated[str, AfterValidator(_calendar)]
Duration = Annotated[str, AfterValidator(_duration)]
Address = Annotated[str, AfterValidator(_address)]
"""Where an archive is, without a slash at its end; empty for the vendor's own."""
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""Of an OpenPGP key, in capitals without spaces; empty for the vendor's own."""
GitUrl = Annotated[
    str, AfterValidator(partial(_matching, _GIT_URL, "address of a git repository that dokku takes: https, ssh or git"))
]
Commit = Annotated[str, AfterValidator(partial(_matching, _COMMIT, "commit: 40 hex digits, so that it can never move"))]
ExactVersion = Annotated[str, AfterValidator(partial(_matching, _RELEASE, "exact version such as '0.38.27'"))]
PluginName = Annotated[
    str, AfterValidator(partial(_matching, _PLUGIN, "plugin name: small letters, digits and dashes"))
]
KeyName = Annotated[str, AfterValidator(partial(_matching, _KEY_NAME, "key name: letters, digits, _ and -"))]
Port = Annotated[int, AfterValidator(_port)]
DegradedCode = Annotated[int, AfterValidator(_served_or_not)]
