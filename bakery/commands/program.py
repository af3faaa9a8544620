"""The program behind ./inv: invoke, with our words for a mistake, without the options of it that mean nothing here.

It is the one place that knows what the streams of a shell may be: closed, full, a pipe that nobody reads any more, or
of an encoding without our dashes.
"""

import io
import os
import re
import select
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program as InvokeProgram

from bakery import ROOT
from bakery.commands.command import complain
from bakery.core.errors import BakeryError, ExitCode, did_you_mean, impossible, of_system

FOREIGN = frozenset(
    {
        *("command-timeout", "config", "dry", "echo", "hide"),
        *("prompt-for-sudo-password", "pty", "warn-only", "write-pyc"),
    }
)
"""What invoke would take on any command and nobody here means: with `--dry`, a bake would be a real one."""

USAGE = """\
Usage: ./inv [-y] COMMAND [OPTIONS]

  -y               install the system packages that COMMAND needs (Debian and Ubuntu)
  -h, COMMAND -h   show this, or the options of a command
  --list           show the commands alone
"""


class Program(InvokeProgram):
    """invoke on the tasks of this checkout."""

    def parse_tasks(self) -> None:
        """Read the command line's commands and options; end with exit code 2 for what is none."""
        with self._explained():
            self._refuse_single_dashes()
            self._read_before_positionals()
            super().parse_tasks()
            for argument in self.core[0].args.values():
                self._refuse_foreign(argument)

    def parse_cleanup(self) -> None:
        """Show what `--help` and `--list` ask for; end with exit code 2 for a command that there is not."""
        with self._explained():
            super().parse_cleanup()

    def print_help(self) -> None:
        """Print how ./inv is used, and its commands."""
        print(USAGE)
        self.list_tasks()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ParseError as error:
            complain(self._mistake(error))
            raise Exit(code=ExitCode.IMPOSSIBLE) from error
        except BakeryError as error:
            complain(error)
            raise Exit(code=error.exit_code) from error

    def _refuse_single_dashes(self) -> None:
        """Refuse `-dry-run`, which invoke would read as `-d -r -y …`, each of them something else."""
        contexts = self._make_parser().contexts.values()
        long = {flag for context in contexts for flag in context.flags if len(flag) > 2}
        for word in self.core.unparsed:
            if f"-{word.partition('=')[0]}" in long:
                raise impossible(f"there is no option {word}", hint=f"did you mean '-{word}'?")

    def _read_before_positionals(self) -> None:
        """Take `-h` and refuse an unknown option of a command with positional words, which would be one of them."""
        contexts, (name, *words) = self._make_parser().contexts, self.core.unparsed or [""]
        if name not in contexts or not contexts[name].positional_args:
            return
        if {"-h", "--help"} & {*words}:
            self.args.help.value = name
            self.core.unparsed.clear()
            return
        known = {*contexts[name].flags, *contexts[name].inverse_flags, *self.core[0].flags}
        for word in words:
            if word.startswith("-") and word.partition("=")[0] not in known and len(word) > 2:
                self.parser = self._make_parser()
                raise self._unknown_option(word, command=name)

    def _refuse_foreign(self, argument: Argument) -> None:
        if argument.name not in FOREIGN or not argument.got_value or argument.value == argument.default:
            return
        forms = {f"--{argument.name}", *(f"-{nick}" for nick in argument.nicknames)}
        typed = next((word for word in self.argv if word.partition("=")[0] in forms), f"--{argument.name}")
        raise self._unknown_option(typed, command=str(self.tasks[-1].name) if self.tasks else "")

    def _mistake(self, error: ParseError) -> BakeryError:
        """Return what invoke's parser has found, in our words (invoke 2 says it in English sentences alone)."""
        command = str(error.context.name or "") if error.context else ""
        if found := re.match(r"No idea what '(.*)' is!$", str(error), re.DOTALL):
            word = self._as_typed(found[1])
            say = self._unknown_option if word.startswith("-") else self._unknown_word
            return say(word, command=command)
        if found := re.match(r"'(\w+)' did not receive required positional arguments: (.*)", str(error)):
            missing = found[2].replace("'", "").upper().replace(", ", " and ")
            return impossible(f"{found[1]} needs {missing}", hint=f"./inv {found[1]} -h")
        if found := re.match(r"Flag <Argument: ([\w-]+).*> needed value", str(error)):
            return impossible(f"--{found[1].rstrip('_')} needs a value", hint=f"./inv {command} -h")
        return impossible(str(error), hint=f"./inv {command} -h")

    def _as_typed(self, word: str) -> str:
        """Return the word of the command line that *word* is from: invoke reads `-dry` as `-d -r -y`."""
        if re.fullmatch(r"-\w", word) and word not in self.argv:
            return next((typed for typed in self.argv if re.fullmatch(rf"-\w*{word[1]}\w*", typed)), word)
        return word

    def _unknown_option(self, word: str, *, command: str) -> BakeryError:
        if not command:
            return impossible(f"there is no option {word} before a command", hint="./inv -h")
        if word in {"-y", "--yes"}:
            return impossible(f"{word} is for ./inv itself", hint=f"./inv -y {command}")
        flags = [flag for flag in self.parser.contexts[command].flags if flag.startswith("--")]
        short = f"-{word.lstrip('-')}"
        if short in self.parser.contexts[command].flags:
            return impossible(f"{command} has no option {word}", hint=f"did you mean {short!r}?")
        guess = did_you_mean(word if word.startswith("--") else f"-{word}", flags)
        return impossible(f"{command} has no option {word}", hint=f"{guess}  (./inv {command} -h explains them)")

    def _unknown_word(self, word: str, *, command: str) -> BakeryError:
        commands = list(self.parser.contexts)
        if not command:
            return impossible(f"there is no command {word!r}", hint=did_you_mean(word, commands))
        hint = f"./inv {command} -h  (lists its options)"
        if (ROOT / "images" / f"{word}.toml").is_file() and "--image" in self.parser.contexts[command].flags:
            hint = f"./inv {command} --image {word}"
        return impossible(f"{command} takes no {word!r}, and it is no command either", hint=hint)


def main(argv: Sequence[str]) -> int:
    """Run the commands of *argv* and return the exit code, whatever has become of the streams meanwhile."""
    open_closed_streams()
    # Never buffered: what could not be written must not be tried again at the end, which would be our exit code.
    raw = io.FileIO(2, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(raw, encoding=sys.stderr.encoding, errors="replace", write_through=True)
    # Buffered even with PYTHONUNBUFFERED: what could not be written is then still there to be asked about.
    sys.stdout = os.fdopen(1, "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)
    # Here and not above: it is the line of commands, and a broken stream may be told of while it is read.
    import tasks

    code: object = ExitCode.DONE
    problem: OSError | None = None
    try:
        Program(namespace=Collection.from_module(tasks), name="inv", binary="./inv").run(["./inv", *argv])
    except SystemExit as end:
        code = end.code
    except OSError as error:
        problem = _write_out()
        if problem is None and isinstance(error, BrokenPipeError) and _is_unread():
            problem = error
        if problem is None:
            raise
    problem = problem or _write_out()
    # Whoever read stdout through a pipe may have enough of it: that is no failure of the command.
    if problem is not None and not isinstance(problem, BrokenPipeError):
        complain(of_system(problem, what="the result") or BakeryError(f"the result could not be written: {problem}"))
        return ExitCode.FAILED
    return code if isinstance(code, int) else ExitCode.DONE if code is None else ExitCode.FAILED


def open_closed_streams() -> None:
    """Let what a shell has closed (`>&-`) lead nowhere; a file would get its number and all that is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _is_unread() -> bool:
    """Return whether stdout or stderr is a pipe that nobody reads any more."""
    asked = select.poll()
    for number in (1, 2):
        asked.register(number, 0)
    return any(found & select.POLLERR for _, found in asked.poll(0))


def _write_out() -> OSError | None:
    """Write what is still in stdout's buffer and return what went wrong; then nothing is left that could go wrong."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return error
    return None
