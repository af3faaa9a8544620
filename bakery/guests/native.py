"""Native machines: a disk's root booted by systemd-nspawn on the host's own kernel, many times faster than emulated.

They change nothing of the host: network, mounts and processes are in namespaces of their own (native.sh), the network
is slirp4netns's, with QEMU's addresses, and all of it ends with us. They are no fence against what runs in them: root
there is root on the host's kernel. And firmware, boot loader and kernel of the image are not asked anything.
"""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakery.core import ports, process
from bakery.core.errors import BakeryError
from bakery.core.waiting import Patience, wait_until
from bakery.guests import filesystems

if TYPE_CHECKING:
    from subprocess import Popen

SCRIPT = Path(__file__).with_name("native.sh")
ADDRESS = "10.0.2.15"
"""Which address libslirp's DHCP server gives first, in QEMU as in slirp4netns (libslirp, "vdhcp_start")."""
SSH = 22
START_S = 30.0
POWER_OFF_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What to boot: a raw disk, which is written to, and the texts of its NoCloud seed.

    *folder* has a short and plain name; sockets and the place where the root is mounted are in it.
    """

    name: str
    disk: Path
    folder: Path
    console: Path
    """The file that what it says is written to."""
    user_data: str | bytes
    meta_data: str
    is_grown: bool = True


@dataclass(frozen=True, kw_only=True)
class Running:
    """A machine that runs, on a network of its own."""

    child: "Popen[bytes]"
    control: Path
    """The socket of what connects it."""

    def forward_ssh(self) -> int:
        """Let a port of 127.0.0.1 lead to its SSH, and return it."""
        for _ in range(ports.ATTEMPTS):
            port = ports.free_port()
            refusal = self._forward("127.0.0.1", port, to=SSH)
            if not refusal:
                return port
        raise BakeryError(f"slirp4netns forwards no port: {refusal}")

    def forward(self, address: str, port: int, *, to: int) -> None:
        """Let a port of an address of this machine lead to the port *to* of that one.

        Raises BakeryError (exit code 1) where something else has it.
        """
        refusal = self._forward(address, port, to=to)
        if refusal:
            raise BakeryError(f"slirp4netns does not forward {address}:{port}: {refusal}")

    def _forward(self, address: str, port: int, *, to: int) -> str:
        """Ask for a port, and return why there is none (man slirp4netns, "API socket"); empty where there is."""
        wanted = {"proto": "tcp", "host_addr": address, "host_port": port, "guest_addr": ADDRESS, "guest_port": to}
        answer = _ask(self.control, {"execute": "add_hostfwd", "arguments": wanted})
        return json.dumps(answer["error"]) if "error" in answer else ""

    def press_power_button(self) -> None:
        """Have it switch itself off in order."""
        self.child.send_signal(signal.SIGUSR1)

    def power_off(self) -> None:
        """Switch it off in order and wait for the end of it; its disk is whole afterwards.

        Raises BakeryError (exit code 1) when it does not end.
        """
        self.press_power_button()
        if process.wait(self.child, timeout_s=POWER_OFF_S) is None:
            raise BakeryError(f"the machine did not switch itself off within {POWER_OFF_S:.0f} s")


@contextmanager
def running(machine: Machine) -> Iterator[Running]:
    """Boot a machine while the body runs; give it as soon as it was started, before it answers.

    Raises BakeryError: exit code 1 when it does not start, 3 when a program is missing.
    """
    with process.background(_argv(machine), log=machine.console) as child:
        _wait_for_namespace(child, machine.console)
        with _network(machine, child) as control:
            yield Running(child=child, control=control)


def _argv(machine: Machine) -> list[str]:
    root, seed = machine.folder / f"{machine.name}.root", machine.folder / f"{machine.name}.seed"
    root.mkdir(exist_ok=True)
    seed.mkdir(exist_ok=True)
    for name, text in {"user-data": machine.user_data, "meta-data": machine.meta_data}.items():
        (seed / name).write_bytes(text.encode() if isinstance(text, str) else text)
    places = [
        f"{place.target}:{place.offset}:{place.size}:{'yes' if place.is_optional else 'no'}"
        for place in filesystems.of(machine.disk, is_grown=machine.is_grown)
    ]
    told = [machine.name, str(machine.disk), str(root), str(seed), "yes" if machine.is_grown else "no", *places]
    return ["unshare", "--net", "--mount", "bash", str(SCRIPT), *told]


def _wait_for_namespace(child: "Popen[bytes]", console: Path) -> None:
    """Wait until the machine has a network of its own: before that, ours would get an interface."""
    ours, ends = Path("/proc/self/ns/net").readlink(), time.monotonic() + START_S
    while time.monotonic() < ends and child.poll() is None:
        with suppress(FileNotFoundError):  # it ended just now
            if Path(f"/proc/{child.pid}/ns/net").readlink() != ours:
                return
        time.sleep(0.02)
    raise BakeryError(f"a machine got no network of its own: {_last_line(console)}")


@contextmanager
def _network(machine: Machine, child: "Popen[bytes]") -> Iterator[Path]:
    """Connect a machine while the body runs; give the socket at which more is asked of its connection."""
    control, log = machine.folder / f"{machine.name}.slirp", machine.folder / f"{machine.name}.slirp.log"
    control.unlink(missing_ok=True)
    argv = ["slirp4netns", "--mtu=1500", f"--api-socket={control}", str(child.pid), "eth0"]
    with process.background(argv, log=log) as slirp:
        patience = Patience(deadline_s=START_S, pauses_s=(0.02, 0.02))
        wait_until(lambda: control.exists() or slirp.poll() is not None, patience=patience)
        if not control.exists():
            raise BakeryError(f"slirp4netns did not start: {_last_line(log)}")
        yield control


def _ask(control: Path, question: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(START_S)
        _connect(line, control)
        line.sendall(json.dumps(question).encode())
        line.shutdown(socket.SHUT_WR)
        answer: dict[str, Any] = json.loads(line.makefile("rb").read())
        return answer


def _connect(line: socket.socket, control: Path) -> None:
    """Connect to a socket whose file is there, which is a moment before anybody listens at it."""
    patience = Patience(deadline_s=START_S, pauses_s=(0.01, 0.1))
    while True:
        try:
            return line.connect(str(control))
        except ConnectionRefusedError:
            if patience.is_over:
                raise
        patience.pause()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "no message")
