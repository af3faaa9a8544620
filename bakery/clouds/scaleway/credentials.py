"""Whose key signs the calls: SCW_* variables, or a profile of the file that `scw init` writes, in this order.

The SDK reads the same file, but knows no profile that the file itself names, and says of a typo nothing at all.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bakery.core import texts
from bakery.core.errors import BakeryError, did_you_mean, impossible, missing
from bakery.places.account import NoCredentialsError

API = "https://api.scaleway.com"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# scaleway-core, validations/string_validation.py.
_ACCESS_KEY = re.compile(r"SCW[A-Z0-9]{17}")
_URL = re.compile(r"https?://[^\s/]+\S*")
_VARIABLES = {
    "access_key": "SCW_ACCESS_KEY",
    "secret_key": "SCW_SECRET_KEY",
    "default_project_id": "SCW_DEFAULT_PROJECT_ID",
    "api_url": "SCW_API_URL",
}
WAYS = "scw init, or SCW_ACCESS_KEY=SCW… SCW_SECRET_KEY=… SCW_DEFAULT_PROJECT_ID=…"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """An API key, and the project whose things it works with."""

    access_key: str
    secret_key: str = field(repr=False)
    project: str
    api_url: str = API
    origin: str = ""
    """Where they come from, in words."""


def load() -> Keys:
    """Return the keys that the environment names.

    Raises BakeryError: exit code 2 for a profile that does not exist and settings that cannot be used, 3 when there are
    no keys.
    """
    path = _file()
    held, name = _profile(path)
    told = {key: os.environ.get(variable, "").strip() for key, variable in _VARIABLES.items()}
    found = {key: told[key] or str(held.get(key) or "").strip() for key in _VARIABLES}
    if not found["access_key"] or not found["secret_key"]:
        raise _no_credentials(found, path, name=name)
    if not found["default_project_id"]:
        hint = "SCW_DEFAULT_PROJECT_ID=…  (console.scaleway.com, Project settings), or scw init"
        raise missing("the Scaleway settings name no project", hint=hint)
    origin = "in SCW_ACCESS_KEY" if told["access_key"] else f"of the profile {name!r} in {path}"
    for key, pattern, form in (
        ("access_key", _ACCESS_KEY, "SCW and 17 capital letters and digits"),
        ("secret_key", _UUID, "a UUID"),
        ("default_project_id", _UUID, "a UUID"),
    ):
        if not pattern.fullmatch(found[key]):
            # A secret is not repeated, not even half of one.
            said = "" if key == "secret_key" else f", {found[key]!r},"
            where = _VARIABLES[key] if told[key] else f"{key} of the profile {name!r} in {path}"
            raise impossible(f"{where}{said} is not {form}", hint=WAYS)
    url = (found["api_url"] or API).rstrip("/")
    if not _URL.fullmatch(url):
        raise impossible(f"SCW_API_URL {url!r} is no address", hint=f"SCW_API_URL={API}, or unset it")
    return Keys(
        access_key=found["access_key"],
        secret_key=found["secret_key"],
        project=found["default_project_id"],
        api_url=url,
        origin=origin,
    )


def _file() -> Path:
    """Return where the settings are (github.com/scaleway/scaleway-sdk-go/blob/master/scw/README.md)."""
    if named := os.environ.get("SCW_CONFIG_PATH"):
        return texts.home(named)
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else texts.home("~/.config")) / "scw" / "config.yaml"


def _profile(path: Path) -> tuple[Mapping[str, Any], str]:
    """Return what the file holds for the profile that is asked for, and its name."""
    wanted = os.environ.get("SCW_PROFILE", "")
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        held = {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # ValueError: no UTF-8, a date that is none
        reason = error.strerror if isinstance(error, OSError) else "no YAML"
        raise impossible(f"{path}: {reason}", hint="scw init  (writes it anew)") from error
    profiles = held.get("profiles") or {} if isinstance(held, dict) else None
    if not isinstance(profiles, dict):
        raise impossible(f"{path} holds no settings", hint="scw init  (writes it anew)")
    name = wanted or str(held.get("active_profile") or "default")
    if name == "default" and name not in profiles:
        return held, name
    if not isinstance(profiles.get(name), dict):
        raise impossible(f"there is no Scaleway profile {name!r} in {path}", hint=did_you_mean(name, profiles))
    # A profile inherits what stands above all of them.
    return {**held, **profiles[name]}, name


def _no_credentials(found: Mapping[str, str], path: Path, *, name: str) -> BakeryError:
    if found["access_key"] or found["secret_key"]:
        having, lacking = ("access", "secret") if found["access_key"] else ("secret", "access")
        said = f"there is the {having} key of Scaleway, and no {lacking} key"
        return missing(said, hint=f"SCW_{lacking.upper()}_KEY=…, or scw init")
    where = f"the profile {name!r} in {path} holds none" if path.exists() else f"there is no {path}"
    said = f"there are no Scaleway credentials: SCW_ACCESS_KEY is not set, and {where}"
    hint = f"{WAYS}; --rehearse needs no account"
    # Who names a file or a profile has not only the other clouds.
    is_named = os.environ.get("SCW_CONFIG_PATH") or os.environ.get("SCW_PROFILE")
    return missing(said, hint=hint) if is_named else NoCredentialsError(said, hint=hint)
