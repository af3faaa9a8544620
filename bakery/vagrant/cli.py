"""The one module that imports python-vagrant; it runs vagrant through `process`, which never kills it half way.

python-vagrant's own subprocess calls kill vagrant a quarter of a second after Ctrl-C, and a killed `vagrant up` leaves
a machine it has forgotten. Its two methods that start programs are replaced; all that it knows of vagrant is kept.
"""

# python-vagrant calls itself typed but annotates nothing; the methods here give its answers their types.
# mypy: disallow-untyped-calls=false

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import vagrant as python_vagrant

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError

ENVIRONMENT: Mapping[str, str] = {
    # Vagrant must not call home, colour a log, or stop for a question nobody is asked.
    "VAGRANT_CHECKPOINT_DISABLE": "1",
    "VAGRANT_NO_COLOR": "1",
}
MACHINE_LINE = re.compile(r"^\d+,[^,]*,[^,]+,")
"""A line of `--machine-readable` output; Ruby's warnings come on the same stream."""

ERASE = "\x1b[K"


@dataclass(frozen=True, kw_only=True)
class State:
    """What Vagrant says of a machine: `running`, `poweroff`, `not_created` …, and where it runs."""

    state: str
    provider: str


class Vagrant(python_vagrant.Vagrant):
    """Vagrant in one folder: live lines on the console, everything in vagrant.log."""

    def __init__(self, folder: Path, *, console: Console) -> None:
        super().__init__(root=str(folder))
        self._console = console
        self.log = folder / "vagrant.log"

    def start(self, provider: str) -> None:
        """Start the folder's machine, making it first if need be."""
        self.up(provider=provider)

    def stop(self) -> None:
        """Shut the folder's machine down."""
        self.halt()

    def remove(self) -> None:
        """Destroy the folder's machine, if there is one."""
        self.destroy()

    def host(self) -> str:
        """Return the name or address at which the running machine's SSH answers."""
        return str(self.hostname())

    def state(self) -> State:
        """Return the state of the folder's one machine."""
        found = self.status()[0]
        return State(state=str(found.state), provider=str(found.provider))

    def plugins(self) -> set[str]:
        """Return the names of the plugins Vagrant has."""
        return {str(plugin.name) for plugin in self.plugin_list()}

    def remove_box(self, name: str, version: str) -> None:
        """Remove one version of a box, for each provider; python-vagrant's own method takes no version."""
        for box in self.box_list():
            if (box.name, box.version) == (name, version):
                told = ["--force", "--provider", box.provider, "--box-version", version]
                self._call_vagrant_command(["box", "remove", *told, name])

    def ssh_settings(self) -> str:
        """Return the machine's section for ssh's configuration file."""
        text = str(self.ssh_config())
        # Vagrant quotes a key's path for a blank alone, and ssh reads an apostrophe as a quote, too.
        text = re.sub(r'^( *IdentityFile) "?(.+?)"?$', r'\1 "\2"', text, flags=re.MULTILINE)
        return text[text.index("Host ") :].rstrip() + "\n"

    def _call_vagrant_command(self, args: Sequence[str | None]) -> None:
        with self.log.open("a", encoding="utf-8") as log:

            def keep(line: str) -> None:
                log.write(line + "\n")
                log.flush()
                # vagrant-libvirt draws its upload as a thousand lines that each erase the one before.
                if not (line.startswith(ERASE) and "%" in line) and line.removeprefix(ERASE).strip():
                    self._console.update(line.removeprefix(ERASE).removeprefix("==> ").strip())

            self._run(args, on_line=keep)

    def _run_vagrant_command(self, args: Sequence[str | None]) -> str:
        lines = self._run(args).output.splitlines()
        if "--machine-readable" in args:
            lines = [line for line in lines if MACHINE_LINE.match(line)]
        return "\n".join(lines)

    def _run(self, args: Sequence[str | None], *, on_line: Callable[[str], None] | None = None) -> process.Finished:
        argv: list[str] = self._make_vagrant_command(args)
        done = process.run(argv, cwd=Path(self.root), env=ENVIRONMENT, on_line=on_line, is_checked=False)
        if done.exit_code != 0:
            tail = "\n".join(deque(done.output.splitlines(), process.TAIL_LINES))
            hint = f"all of it: {self.log}" if on_line is not None else ""
            raise BakeryError(f"vagrant {args[0]} ended with exit code {done.exit_code}\n{tail}", hint=hint)
        return done
