"""A real Chromium for tests, driven through its DevTools protocol over a pipe: no driver has to fit its version."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    "--remote-debugging-pipe",
)
SAID = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
"""What the console of a page would show."""


@dataclass(kw_only=True)
class Browser:
    """One tab of a browser."""

    asking: IO[bytes]
    answering: IO[bytes]
    session: str = ""
    console: list[str] = field(default_factory=list)
    is_loaded: bool = False
    _number: int = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result (chromedevtools.github.io/devtools-protocol)."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        self.asking.write(json.dumps(message).encode() + b"\0")
        self.asking.flush()
        while True:
            found = self._hear()
            if found.get("id") == self._number:
                assert "error" not in found, found["error"]
                result: dict[str, Any] = found["result"]
                return result

    def _hear(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.answering.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        found: dict[str, Any] = json.loads(text)
        # Nobody would close it, and the page would wait for ever.
        assert found.get("method") != "Page.javascriptDialogOpening", found
        if found.get("method") in SAID:
            self.console.append(json.dumps(found["params"]))
        self.is_loaded |= found.get("method") == "Page.loadEventFired"
        return found

    def open(self, page: Path) -> None:
        """Open a file, and wait until all of it is there."""
        self.is_loaded = False
        self.call("Page.navigate", url=page.as_uri())
        while not self.is_loaded:
            self._hear()

    def evaluate(self, script: str) -> Any:
        """Return what a script comes to in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def show(self, *, width: int, is_dark: bool = False) -> None:
        """Let the screen be so wide, and its owner like it dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, selector: str) -> None:
        """Press the mouse where the first such element is, as a person does."""
        x, y = self.evaluate(
            f"(() => {{ const one = document.querySelector({selector!r}); one.scrollIntoView({{block: 'center'}});"
            " const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@contextmanager
def opened(folder: Path) -> Iterator[Browser]:
    """Run a browser with one empty tab while the body runs; *folder* is for what it keeps."""
    (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
    # The protocol is spoken on 3 and 4 (Chromium's content/browser/devtools, "remote-debugging-pipe").
    script = f'exec 3<&{their_in} 4>&{their_out}; exec chromium "$@"'
    argv = ["bash", "-c", script, "chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    with (
        (folder / "chromium.log").open("wb") as log,
        subprocess.Popen(argv, pass_fds=(their_in, their_out), stdout=log, stderr=log) as child,
        os.fdopen(our_out, "wb") as asking,
        os.fdopen(our_in, "rb") as answering,
    ):
        os.close(their_in)
        os.close(their_out)
        browser = Browser(asking=asking, answering=answering)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            browser.call(f"{domain}.enable")
        try:
            yield browser
        finally:
            browser.session = ""
            browser.call("Browser.close")
            child.wait(30)
