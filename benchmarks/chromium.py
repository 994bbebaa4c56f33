"""Chromium without a window, where there is one: opens pages, and tells what they do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome") if os.name == "posix" else ()
"""Elsewhere there are no pipes to talk to it through."""
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
"""None where there is none."""
STARTER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""Chromium takes orders from file 3 and answers into file 4."""
WAIT_S = 90.0


class Browser:
    """Chromium without a window, ordered about through its debugging protocol."""

    def __init__(self, profile: Path) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        os.set_blocking(self._answers, False)
        words = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        command = [sys.executable, "-c", STARTER, str(orders), str(answers), str(BROWSER), *words]
        self._process = subprocess.Popen(command, pass_fds=(orders, answers), stderr=subprocess.DEVNULL)
        os.close(orders)
        os.close(answers)
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        (target,) = [one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        self._session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        """End it, and wait for the end."""
        with suppress(BrokenPipeError, TimeoutError):
            self._session = ""
            self.ask("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._orders)
        os.close(self._answers)

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        order |= {"sessionId": self._session} if self._session else {}
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]
            self.events.append(said)

    def open(self, path: Path) -> None:
        """Go to a file and wait until all of it is there."""
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def see(self, expression: str) -> object:
        """The value of an expression in the page, awaited where it is a promise."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and let go of a key."""
        number = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "Tab": 9}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=number)

    def click(self, x: float, y: float) -> None:
        """Click there, in pixels of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + WAIT_S
        while b"\0" not in self._rest:
            with suppress(BlockingIOError):
                data = os.read(self._answers, 1 << 20)
                assert data, "the browser has ended"
                self._rest += data
                continue
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(0.02)
        said, _, self._rest = self._rest.partition(b"\0")
        return json.loads(said)

    def fetched(self) -> list[str]:
        """The addresses that the page has asked for, but for what it holds itself."""
        asked = [one["params"] for one in self.events if one.get("method") == "Network.requestWillBeSent"]
        urls = [str(one["request"]["url"]) for one in asked]
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[dict[str, Any]]:
        """Faults of the page's script, what it has written to the console, and windows that it has opened."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening")
        return [one for one in self.events if one.get("method") in kinds]
