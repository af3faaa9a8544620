"""The story of `invoke test`: every check there is, the quick ones first, the same here and in CI."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bakery import ROOT
from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError

KEPT_ORDER = "--no-loadscope-reorder"
"""For pytest-xdist, which would begin the files with the fewest tests last: among them are those that take longest."""
FAST = "not slow and not story"
"""pytest's expression for the tests that together take some two minutes, as a developer's own check should."""
SHFMT_STYLE = ("-i", "4", "-ci")
"""Four spaces, branches of `case` indented."""


def run(*, is_fast: bool, pattern: str, console: Console) -> None:
    """Run the checks one after another.

    Raises BakeryError (exit code 1) that names every check that failed, after all have run.
    """
    failed = []
    for name, argv in commands(is_fast=is_fast, pattern=pattern).items():
        began = time.monotonic()
        console.say(f"{name}: {' '.join(argv[:6])} …")
        exit_code = process.attach(argv, cwd=ROOT)
        console.say(f"{name}: {'passed' if exit_code == 0 else 'FAILED'} in {time.monotonic() - began:.1f} s")
        if exit_code != 0:
            failed.append(name)
    if failed:
        raise BakeryError(f"these checks failed: {', '.join(failed)}", hint="their output is above")


def commands(*, is_fast: bool, pattern: str) -> dict[str, list[str]]:
    """Return the command of each check by its name; with a *pattern*, only the tests that match it."""
    pytest = [sys.executable, "-m", "pytest", "tests"]
    if pattern:
        return {"tests": [*pytest, "-k", pattern]}
    processors = os.cpu_count() or 1
    scripts = [str(path.relative_to(ROOT)) for path in shell_scripts()]
    return {
        "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
        "lint": [sys.executable, "-m", "ruff", "check", "."],
        "types": [sys.executable, "-m", "mypy"],
        "shellcheck": ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *scripts],
        "shfmt": ["shfmt", *SHFMT_STYLE, "-d", *scripts],
        # More processes than processors, since tests wait, too. Where machines run, they keep two of them busy
        # (tests/conftest.py), and with more than one beside them emulated guests starve until their kernels complain.
        "tests": [
            *pytest,
            *("-q", "--durations=10"),
            *("-m", FAST if is_fast else ""),
            *("-n", str(processors + (2 if is_fast else 1)), "--dist", "loadfile", KEPT_ORDER),
        ],
    }


def shell_scripts() -> Sequence[Path]:
    """Return every shell script of the project, found by its first line."""
    folders = ("provision", "images", "bench", ".ci")
    candidates = [ROOT / "inv", *(path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())]
    return sorted(
        path
        for path in candidates
        if path.read_bytes().startswith((b"#!/bin/sh", b"#!/usr/bin/env bash", b"#!/bin/bash"))
    )
