"""What every task of the command line shares: how a mistake ends, and the options that mean the same everywhere."""

import functools
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from invoke.context import Context
from invoke.parser.argument import Argument
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.definition.bases import DEFAULT_BASE, BaseName

__all__ = ["IMAGE", "IMAGE_HELP", "REHEARSE_HELP", "Context", "complain", "number", "task"]

IMAGE = "dokku"
MOST_DIGITS = 12
IMAGE_HELP = {
    "image": f"which definition in images/ (default: {IMAGE})",
    "base": f"{', '.join(BaseName)} (default: the definition's, or else {DEFAULT_BASE})",
}
REHEARSE_HELP = {
    "rehearse": "on an AWS that is started on this machine; nothing of it is real, and no account is needed"
}
_IN_AWS = re.compile(
    r"\./inv (amis|bake|catalog|diff|launch|matrix|nightly|plan|promote|prune|publish|regions|report|rollback|sbom"
    r"|validate|verify)\b"
    r"((?:(?!\./inv).)*)",
    re.DOTALL,
)
"""A command that may be rehearsed, in a hint, and what follows it there."""


class Command(Task[Any]):
    """A task that leaves -h to help (invoke gives an option the first letter that is free), and keeps its texts."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the options; invoke takes each text out of `help` as it reads it, and our program reads twice."""
        texts = self.help
        self.help = dict(texts)
        try:
            found = super().get_arguments(ignore_unknown_help)
        finally:
            self.help = texts
        for argument in found:
            if argument.kind is list:
                # invoke takes the empty list for a value that was given, and `--region` alone for no region at all.
                argument.raw_value = None
        return found

    def arg_opts(self, name: str, default: str, taken_names: set[str]) -> dict[str, Any]:
        """Return how one option is read."""
        return super().arg_opts(name, default, {*taken_names, "h"})


def complain(error: BakeryError) -> None:
    """Print a mistake and what to type instead."""
    # Where nobody listens, the exit code still tells.
    with suppress(OSError):
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint:  {error.hint}", file=sys.stderr)


def rehearsed(hint: str) -> str:
    """Return a hint of a rehearsal, whose commands must be rehearsed too: without, they would be for the account."""

    def add(found: re.Match[str]) -> str:
        command, rest = found[1], found[2]
        is_of_aws = command not in {"bake", "verify"} or "--region" in rest or "--import" in rest
        return f"./inv {command}{' --rehearse' if is_of_aws and '--rehearse' not in rest else ''}{rest}"

    return _IN_AWS.sub(add, hint)


def end_rehearsal(error: BakeryError) -> None:
    """End the rehearsal that a command has started only to be refused: nothing was done in it."""
    from bakery.rehearsal import service

    if error.exit_code in (ExitCode.IMPOSSIBLE, ExitCode.MISSING):
        with suppress(BakeryError):  # what is told is why the command was refused
            service.stop_begun_here()


def task(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make an invoke task that ends a mistake with one clear line and a documented exit code, never a traceback."""

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def guarded(context: Context, **kwargs: Any) -> None:
            from bakery.core import folders, process

            process.interrupt_on_sigterm()
            try:
                if context.config.run.dry:  # of invoke itself, where it is not behind ./inv
                    raise impossible(
                        "--dry of invoke means nothing here: all would be done",
                        hint="--dry-run, where a command has it",
                    )
                body(context, **kwargs)
            except BakeryError as error:
                if kwargs.get("rehearse"):
                    error.hint = rehearsed(error.hint)
                    end_rehearsal(error)
                complain(error)
                sys.exit(error.exit_code)
            except OSError as error:
                known = folders.complaint(error)
                if known is None:
                    raise
                complain(known)
                sys.exit(known.exit_code)
            except KeyboardInterrupt:
                print("interrupted: everything was stopped and cleaned up", file=sys.stderr)
                sys.exit(ExitCode.INTERRUPTED)

        return invoke_task(guarded, klass=Command, **options)

    return decorate


def number(option: str, text: str, *, least: int) -> int:
    """Return *text* as a whole number of at least *least*.

    Raises BakeryError (exit code 2) when it is not one.
    """
    if len(text) > MOST_DIGITS:
        raise impossible(f"{option}: {len(text)} characters are no such number", hint=f"{option} {max(least, 2)}")
    if not text.isdecimal() or int(text) < least:
        raise impossible(
            f"{option} {text}: a whole number of at least {least} is needed", hint=f"{option} {max(least, 2)}"
        )
    return int(text)
