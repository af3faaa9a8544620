"""The one place that starts programs: never a shell string, and never left running but for `detached`.

A child runs in a process group of its own. On Ctrl-C, SIGTERM or SIGHUP the whole group gets SIGINT once and is
waited for, because a killed packer leaves its machine behind. Pressing Ctrl-C again sends SIGTERM, then SIGKILL. When
we ourselves are killed, `afterlife` ends what still runs.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from bakery.core import afterlife
from bakery.core.errors import BakeryError, hint_of, missing

TAIL_LINES = 20
TOLD_TO = 'read -r go || exit 1; exec "$@" <"$0"'
"""What begins a program when it is told to: not before its end is seen to, and never when we are killed until then."""
ALONE_S = 60.0
"""How long a program is waited for that may be asking something at a terminal that is not there."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PLAIN = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}
"""For programs whose words are read here: e2fsprogs, libvirt and apt speak the person's language."""

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where mke2fs, sfdisk and libvirtd are on Debian; a user's PATH leaves them out."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A program that ended: its exit code and everything it printed (both streams, unless kept apart)."""

    argv: tuple[str, ...]
    exit_code: int
    output: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    is_checked: bool = True,
) -> Finished:
    """Run a program to its end and return what it printed.

    *env* is added to our own. Raises BakeryError when the program is missing (exit code 3) or, unless *is_checked* is
    false, when it fails (exit code 1, with the last lines it printed).
    """
    lines: list[str] = []
    with start(argv, cwd=cwd, env=env, stdin=stdin) as child:
        assert child.stdout is not None
        for raw in child.stdout:
            line = raw.rstrip("\n")
            lines.append(line)
            if on_line is not None:
                on_line(line)
    if is_checked and child.returncode != 0:
        tail = "\n".join(deque(lines, TAIL_LINES))
        said = f"{argv[0]} ended with exit code {child.returncode}: {shlex.join(argv)}\n{tail}"
        raise BakeryError(said, hint=hint_of(tail))
    return Finished(argv=tuple(argv), exit_code=child.returncode, output="\n".join(lines))


@contextmanager
def start(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a program and give it to the body; afterwards wait for it, interrupting it first if the body failed."""
    child = _prepare(
        argv,
        source=stdin or Path(os.devnull),
        cwd=cwd,
        env=environment(PLAIN, env or {}),
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        _tell_to_go(child, sign=signal.SIGINT)
        yield child
        child.wait()
    except BaseException:
        # A second SIGINT would keep packer from cleaning up.
        AFTERLIFE.forget(-child.pid)
        end(child, signal.SIGINT)
        raise
    finally:
        AFTERLIFE.forget(-child.pid)
        if child.stdout is not None:
            child.stdout.close()


@contextmanager
def background(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the body runs, its output in *log*, *env* added to ours; end it with SIGTERM afterwards."""
    with log.open("wb") as sink:
        told = {**environment(), **(env or {})}
        child = _prepare(argv, source=Path(os.devnull), env=told, cwd=cwd, stdout=sink)
        try:
            _tell_to_go(child, sign=signal.SIGTERM)
            yield child
        finally:
            end(child, signal.SIGTERM)
            AFTERLIFE.forget(-child.pid)


def _prepare(argv: Sequence[str], *, source: Path, **options: Any) -> "subprocess.Popen[Any]":
    """Start what becomes a program, in a group of its own, when it is told to go; it ends if nobody ever does."""
    program = find(argv[0])
    with source.open("rb"):
        return subprocess.Popen(
            ["/bin/sh", "-c", TOLD_TO, str(source.absolute()), program, *argv[1:]],
            stdin=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )


def _tell_to_go(child: "subprocess.Popen[Any]", *, sign: signal.Signals) -> None:
    """Let the program begin, whose group gets that signal when we are killed before it has ended.

    Whoever calls this ends it when something comes between: it may run already.
    """
    AFTERLIFE.watch(-child.pid, sign)
    assert child.stdin is not None
    with suppress(BrokenPipeError), child.stdin as go:
        os.write(go.fileno(), b"go\n")
    child.stdin = None


def _start_afterlife(reading: int) -> None:
    # -I -S: the standard library is all that it needs, and all that it shall find.
    argv = [sys.executable, "-I", "-S", afterlife.__file__]
    detached(argv, log=Path(os.devnull), stdin=reading)


AFTERLIFE = afterlife.Line(_start_afterlife)
os.register_at_fork(after_in_child=AFTERLIFE.leave)


def detached(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> int:
    """Start a program that outlives us, its output in *log*, and return its process id; *env* is added to our own.

    Nobody here waits for it: whoever starts it must be able to end it by its id, or by what it reads.
    """
    with log.open("wb") as sink:
        child = subprocess.Popen(
            [find(argv[0]), *argv[1:]],
            env=environment(env or {}),
            stdin=stdin,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Popen warns where it is forgotten while its program runs, which is just what is meant here; it still reaps it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        pid = child.pid
        del child
    return pid


class Asked(subprocess.Popen[bytes]):
    """A program that a library starts and asks for something: without a terminal it is waited for a minute at most."""

    def __init__(self, argv: Sequence[str], **options: Any) -> None:
        self._name, self._is_alone = argv[0], not has_terminal()
        if self._is_alone:
            options |= {"stdin": subprocess.DEVNULL, "start_new_session": True}
        super().__init__(argv, **options)

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002  # Popen's own name
        """Do as Popen does. Raises BakeryError (exit code 3) when nobody could answer what it may be asking."""
        try:
            return super().communicate(input, ALONE_S if self._is_alone else timeout)
        except subprocess.TimeoutExpired:
            end(self, signal.SIGKILL)
            for pipe in filter(None, (self.stdout, self.stderr)):
                pipe.close()
            raise missing(f"{self._name} did not end within {ALONE_S:.0f} s", hint="run it in a terminal") from None


def has_terminal() -> bool:
    """Return whether there is a terminal at which a person could be asked something."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def wait(child: "subprocess.Popen[bytes]", *, timeout_s: float) -> int | None:
    """Return the exit code of a background program, or None when it still runs after *timeout_s*."""
    try:
        return child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def attach(argv: Sequence[str], *, cwd: Path | None = None) -> int:
    """Run a program on this terminal (an SSH session, say) and return its exit code.

    It shares our process group, so every Ctrl-C reaches it from the terminal itself; of what else interrupts us it is
    told here. Then, too, we wait for it to end.
    """
    with subprocess.Popen([find(argv[0]), *argv[1:]], cwd=cwd, env=environment()) as child:
        interrupt = None
        while child.returncode is None:
            try:
                # In here, as it takes its time to begin; to say it again does no harm.
                AFTERLIFE.watch(child.pid, signal.SIGINT)
                child.wait()
            except KeyboardInterrupt as error:
                interrupt = error
                if error.args:  # It names the signal, so it is one of `interrupt_on_sigterm`.
                    child.send_signal(signal.SIGINT)
        AFTERLIFE.forget(child.pid)
    if interrupt is not None:
        raise interrupt
    return child.returncode


def environment(*more: Mapping[str, str]) -> dict[str, str]:
    """Return our environment for a program: with PATH as `search_path` has it, a HOME, and *more*.

    Go and Ruby, and so packer and vagrant, insist on HOME, which services and `env -i` leave out.
    """
    home = {} if os.environ.get("HOME") else {"HOME": os.path.expanduser("~")}  # noqa: PTH111  # never raises
    ours = {**os.environ, "PATH": search_path(), **{name: path for name, path in home.items() if path != "~"}}
    for words in more:
        ours |= words
    return ours


def search_path() -> str:
    """Return PATH with the folders of system programs at its end."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])


def find(program: str) -> str:
    """Return the path of a program.

    Raises BakeryError (exit code 3) when it is not installed.
    """
    path = shutil.which(program, path=search_path())
    if path is None:
        raise missing(
            f"{program} is not installed", hint="./inv doctor  (lists every missing tool and how to install it)"
        )
    return path


def end(child: "subprocess.Popen[str] | subprocess.Popen[bytes]", first: signal.Signals) -> None:
    """Signal the child's process group and wait; every further Ctrl-C asks harder, and nothing is left behind."""
    for sign in (first, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, sign)
        try:
            child.wait()
        except KeyboardInterrupt:
            continue
        break


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let nothing interrupt the body; a Ctrl-C or SIGTERM that came meanwhile counts afterwards.

    Within another uninterrupted body that is after the outer one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    counting = [sign for sign in INTERRUPTS if signal.getsignal(sign) is not signal.SIG_IGN]
    before = {sign: signal.signal(sign, lambda number, _: came.append(number)) for sign in counting}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    if came:
        handler = before[signal.Signals(came[0])]
        if not callable(handler):
            raise KeyboardInterrupt
        handler(came[0], None)


def interrupt_on_sigterm() -> None:
    """Treat SIGTERM (a CI job that is cancelled, `docker stop`) and SIGHUP (a terminal that closes) like Ctrl-C."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: it shall go on
        signal.signal(signal.SIGHUP, handler)
