"""What a script of a bake must be like; that ours are, tests/provision/test_provision.py holds."""

import pytest

from bakery.definition import house_rules

GOOD = """#!/usr/bin/env bash
# A step that does what a step does.
# Needs: BAKERY_IMAGE
set -euo pipefail
source "$(dirname "$0")/lib.sh"
log "$BAKERY_IMAGE"
"""


def test_a_good_script_breaks_no_rule() -> None:
    assert list(house_rules.broken_by(GOOD)) == []
    assert list(house_rules.broken_by_program(GOOD, is_program=True)) == []
    assert house_rules.unknown_to(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("/usr/bin/env bash", "/bin/sh", "line 1 must be '#!/usr/bin/env bash'"),
        ("A step that does what a step does.", "Short.", "line 2 must say what it is for: '# A sentence.'"),
        (
            "# Needs: BAKERY_IMAGE",
            "#",
            "line 3 must name the settings that it reads: '# Needs: BAKERY_IMAGE', or '# Needs: nothing'",
        ),
        ("Needs: BAKERY_IMAGE", "Needs: nothing", "it reads BAKERY_IMAGE, which '# Needs:' does not name"),
        ("log", "echo $((BAKERY_SWAP_GB * 1024))", "it reads BAKERY_SWAP_GB, which '# Needs:' does not name"),
        ("log", 'local x="$(date)"', "hides the command's exit code"),
        ("log", "set -x; log", "prints secrets"),
        ("log", "set\\\n-x; log", "prints secrets"),
        ("log", "set -o xtrace; log", "prints secrets"),
        ("log", "curl -k https://x.example", "trusts anybody"),
        ("log", "curl https://x.example --insecure", "trusts anybody"),
        ("log", "wget --no-check-certificate https://x.example", "trusts anybody"),
        ("log", "grep x y || true | xargs rm", "in a pipeline hides the failure and passes on nothing"),
        ("log", "echo x >>/etc/y", "appends: a second run would append again"),
        ("log", "apt-get --allow-unauthenticated install x", "takes packages that nobody signed"),
        ("log", "echo 'deb [trusted=yes] x' >y", "takes packages that nobody signed"),
        ("log", "# shellcheck disable=SC2086\nlog", "needs its reason beside it: 'SC0000  # why'"),
    ],
)
def test_what_is_wrong_is_told_in_words(old: str, new: str, problem: str) -> None:
    found = list(house_rules.broken_by(GOOD.replace(old, new)))
    assert any(each.endswith(problem) for each in found), found


@pytest.mark.parametrize(
    "line",
    [
        "# set -x would print secrets",
        "    # so would set -x here",
        'local x; x="$(date)"',
        "export X=$((1 + 1))",
        "grep x y || true || echo none",
        "echo 'said' 2>>&1 | cat >&2",
        "curl --fail https://x.example/-k",
        "# shellcheck disable=SC2086  # words on purpose",
    ],
)
def test_what_only_looks_like_it_is_let_through(line: str) -> None:
    assert list(house_rules.broken_by(f"{GOOD}{line}\n")) == []


def test_a_program_says_so_and_stops_at_the_first_failure() -> None:
    found = list(house_rules.broken_by_program(GOOD.replace("set -euo pipefail\n", ""), is_program=False))
    assert found == ["'set -euo pipefail' must be among its first five lines", "it has no run bit: chmod +x"]


def test_a_program_may_say_so_in_its_fifth_line_at_the_latest() -> None:
    fifth, sixth = (GOOD.replace("set -euo", f"{comments}set -euo") for comments in ("#\n", "#\n#\n"))
    assert list(house_rules.broken_by_program(fifth, is_program=True)) == []
    assert list(house_rules.broken_by_program(sixth, is_program=True)) != []


def test_what_it_is_for_may_begin_with_a_program_s_name() -> None:
    assert list(house_rules.broken_by(GOOD.replace("A step that does", "apt and curl do"))) == []


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_a_script_that_ends_before_its_heading_does_lacks_the_rest(lines: int) -> None:
    text = "\n".join(GOOD.splitlines()[:lines])
    wrong = [each.partition(" must ")[0] for each in house_rules.broken_by(text)]
    assert wrong == ["line 1", "line 2", "line 3"][lines:]
    assert house_rules.unknown_to(text) == []


def test_a_setting_that_no_step_is_told_is_found() -> None:
    assert house_rules.unknown_to(GOOD.replace("BAKERY_IMAGE", "BAKERY_IMGE")) == ["BAKERY_IMGE"]
