"""What every script of a bake must be like, ours in provision/ and anybody's own: told before a machine starts.

Each rule says why; all but the last two can be seen in the text alone.
"""

import re
from collections.abc import Iterator

SHEBANG = "#!/usr/bin/env bash"
STRICT = "set -euo pipefail"
SETTINGS = frozenset(
    f"BAKERY_{name}"
    for name in (
        *("IMAGE", "BASE", "DISTRO", "CODENAME", "ARCH", "FINGERPRINT", "RELEASE", "STEPS", "STEPS_BELOW"),
        *("BUILD_USER", "PACKAGES", "SWAP_GB", "BALLAST_MB", "SSH_ROOT_LOGIN", "SSH_KEYS"),
        *("DOCKER_SOURCE", "DOCKER_PACKAGES", "DOCKER_ARCHIVE", "DOCKER_ARCHIVE_KEY", "DOCKER_ARCHIVE_KEY_URL"),
        *("NGINX_SOURCE", "NGINX_PACKAGES", "NGINX_ARCHIVE", "NGINX_ARCHIVE_KEY", "NGINX_ARCHIVE_KEY_URL"),
        *("DOKKU_PACKAGES", "DOKKU_DOCKER_PLUGINS", "DOKKU_ARCHIVE", "DOKKU_ARCHIVE_KEY", "DOKKU_ARCHIVE_KEY_URL"),
        *("CLEANUP_SCHEDULE", "CLEANUP_KEEP_HOURS", "HEALTH_PORT", "HEALTH_INTERVAL_S", "HEALTH_DEGRADED_CODE"),
        "PLUGINS",
    )
)
"""Every setting that a step is told; tests hold this against what is really told."""
FROM_RUN = frozenset({"BAKERY_SETTINGS", "BAKERY_RUN_DIR"})
"""What the runner itself may be told by whoever starts it."""

_FORBIDDEN = (
    (r"\b(export|local|readonly|declare) \w+=\"?\$\((?!\()", "hides the command's exit code"),
    (r"set -\w*x|set -o xtrace", "prints secrets"),
    (r"\bcurl\b.*(\s-k\b|--insecure)|\bwget\b.*--no-check-certificate", "trusts anybody"),
    (r"\|\| true\s*\|(?!\|)", "in a pipeline hides the failure and passes on nothing"),
    (r"^(?!.*>&).*[^0-9&]>>", "appends: a second run would append again"),
    (r"--allow-unauthenticated|trusted=yes", "takes packages that nobody signed"),
)
_SETTING = re.compile(r"BAKERY_[A-Z_]+")
_UNREASONED = r"shellcheck disable=(?!SC\d+  # )"


def code_of(text: str) -> str:
    """Return a script without its comments, continued lines joined."""
    joined = text.replace("\\\n", " ")
    return "\n".join(line for line in joined.splitlines() if not line.lstrip().startswith("#"))


def broken_by(text: str) -> Iterator[str]:
    """Yield what is wrong with the text of a script, program or sourced, in a person's words."""
    first, purpose, needs = _heading(text)
    if first != SHEBANG:
        yield f"line 1 must be {SHEBANG!r}"
    if not re.match(r"# [A-Za-z].{20,}\.$", purpose):
        yield "line 2 must say what it is for: '# A sentence.'"
    if not needs.startswith("# Needs: "):
        yield "line 3 must name the settings that it reads: '# Needs: BAKERY_IMAGE', or '# Needs: nothing'"
    code, named = code_of(text), set(_SETTING.findall(needs))
    used = {*re.findall(r"\$\{?(BAKERY_[A-Z_]+)", code), *re.findall(r"\b(BAKERY_[A-Z_]+) \* 1024", code)}
    for name in sorted(used - named):
        yield f"it reads {name}, which '# Needs:' does not name"
    for pattern, why in _FORBIDDEN:
        for found in re.finditer(rf".*(?:{pattern}).*", code, flags=re.MULTILINE):
            yield f"{found[0].strip()!r} {why}"
    if re.search(_UNREASONED, text):
        yield "a 'shellcheck disable=' needs its reason beside it: 'SC0000  # why'"


def broken_by_program(text: str, *, is_program: bool) -> Iterator[str]:
    """Yield what is wrong with a script that is started, beside what `broken_by` says."""
    if STRICT not in text.splitlines()[:5]:
        yield f"{STRICT!r} must be among its first five lines"
    if not is_program:
        yield "it has no run bit: chmod +x"


def unknown_to(text: str) -> list[str]:
    """Return the settings that a step says it needs and that no step is told."""
    _, _, needs = _heading(text)
    return sorted(set(_SETTING.findall(needs)) - SETTINGS - FROM_RUN)


def _heading(text: str) -> list[str]:
    """Return the first three lines, empty where there are fewer."""
    return [*text.splitlines(), "", "", ""][:3]
