"""The IAM policies in docs/iam: which of them allows an action."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

from bakery import ROOT

FOLDER = ROOT / "docs/iam"


def actions(path: Path) -> set[str]:
    """Return every action that a policy file allows; some are patterns such as `ec2:Describe*`."""
    found: set[str] = set()
    for statement in json.loads(path.read_text())["Statement"]:
        if statement["Effect"] == "Allow":
            named = statement["Action"]
            found |= {named} if isinstance(named, str) else set(named)
    return found


def hint(action: str) -> str:
    """Return what to attach to whoever was refused *action*, such as `ec2:CopyImage`."""
    having = [path.name for path in sorted(FOLDER.glob("*.json")) if allows(path, action)]
    if not having:
        return f"allow {action}"
    return f"attach {' or '.join(f'docs/iam/{name}' for name in having)}, which allows {action}"


def allows(path: Path, action: str) -> bool:
    """Return whether a policy file allows an action. AWS does not care for small and capital letters here."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in actions(path))
