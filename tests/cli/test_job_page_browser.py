"""The page of a job in a real browser: keys and mouse move the line, filters filter, nothing is fetched."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import Image

from restore.cli.album import Album
from restore.cli.job_page import Facts, job_page
from restore.cli.rows import Row
from restore.cli.walk import Account
from restore.inference.batch import Done
from restore.inference.pages import write_page
from restore.inference.upscale import Report
from restore.io.folder import Job
from restore.io.photo import Photo

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None or os.name != "posix", reason="there is no Chromium here")
HOSTILE = "<img src=x onerror=alert(1)>\"'.png"
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
        self.events: list[dict[str, object]] = []
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

    def ask(self, method: str, **parameters: object) -> dict:
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
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
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

    def _next(self) -> dict:
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


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    one = Browser(tmp_path / "profile")
    yield one
    one.close()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Two photos that were changed, one that failed; red before and blue after."""
    account = Account()
    facts = Facts(inputs=("in",), output="out", settings={"scale": "2"}, problem="", folder=tmp_path)
    with Album(2) as album:
        for name, task, drift in (("calm.png", "denoise", 0.0), (HOSTILE, "upscale", 9.0)):
            job = Job(Path(f"in/{name}"), Path(f"out/{name}"))
            values = {"task": task, "width": 60, "height": 40, "colour_drift": drift}
            account.rows.append(Row("ok", "", {"source": str(job.source), "target": str(job.target)} | values, "words"))
            album.before(job.source, plain(0))
            album.after(job.source, job.target, plain(2), unchanged=False)
            report = Report(
                factor=1, weights=(), source_height=40, source_width=60, height=40, width=60, consistency_db=None,
                drift=drift, seconds=1.0, notes=(),
            )  # fmt: skip
            album.tell(Done(job, report, 1.0))
        account.rows.append(Row("fail", "", {"source": "in/bad.png", "target": "out/bad.png"}, "no picture"))
        write_page(tmp_path / "job.html", job_page(facts, account, album))
    return tmp_path / "job.html"


def plain(channel: int) -> Photo:
    pixels = torch.zeros(3, 400, 600)
    pixels[channel] = 1
    return Photo(pixels=pixels, alpha=None, gray=False, depth=8, format="PNG", mode="RGB")


SHOWN = "[...document.querySelectorAll('.photo')].filter(one => one.offsetParent).map(one => one.dataset.kind).join()"
LINE = "getComputedStyle(document.querySelector('.stage')).getPropertyValue('--at').trim()"


def test_the_page_works_in_a_browser_by_key_and_by_mouse_and_fetches_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.see(SHOWN) == "failed,changed,changed"
    assert "onerror" in str(browser.see("document.querySelector('[data-kind=changed] h3').textContent"))
    pictures = "[...document.querySelectorAll('.stage img')].map(one => one.complete && one.naturalWidth > 99)"
    assert browser.see(f"{pictures}.join()") == "true,true,true,true"

    browser.see("document.querySelector('.stage input').focus()")
    for _ in range(3):
        browser.press("ArrowRight")
    assert browser.see(LINE) == "53%"
    browser.press("Home")
    assert browser.see(LINE) == "0%"

    box = (
        "(box => [box.left, box.top, box.width, box.height])(document.querySelector('.stage').getBoundingClientRect())"
    )
    left, top, width, height = browser.see(f"document.querySelector('.stage').scrollIntoView(), {box}")
    assert width / height == pytest.approx(1.5, abs=0.02)
    browser.click(left + width * 0.8, top + height * 0.3)
    assert float(str(browser.see(LINE)).rstrip("%")) == pytest.approx(80, abs=3)

    browser.see("document.querySelector('button[data-kind=failed]').click()")
    assert browser.see(SHOWN) == "failed"
    browser.see("document.querySelector('button[data-kind=\"\"]').click()")
    browser.see(
        "(s => { s.value = 'denoise'; s.dispatchEvent(new Event('change')) })(document.querySelector('select'))"
    )
    assert browser.see(SHOWN) == "changed"
    assert "calm" in str(browser.see("document.querySelector('.photo:not([hidden]) h3').textContent"))
    assert browser.see("document.querySelector('output').textContent") == "1 of 3 shown"

    fetched = [
        str(one["params"]["request"]["url"])
        for one in browser.events
        if one.get("method") == "Network.requestWillBeSent"
    ]
    assert [url[:5] for url in fetched if not url.startswith("data:")] == ["file:"]
    said = [
        one for one in browser.events if one.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    ]
    assert said == []
    opened = [one for one in browser.events if one.get("method") == "Page.javascriptDialogOpening"]
    assert opened == []


def test_left_of_the_line_is_the_photo_and_right_of_it_the_result(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    box = (
        "(box => [box.left, box.top, box.width, box.height])(document.querySelector('.stage').getBoundingClientRect())"
    )
    left, top, width, height = browser.see(f"document.querySelector('.stage').scrollIntoView(), {box}")
    browser.see("document.activeElement.blur()")
    for colours in ("light", "dark"):
        browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colours}])
        picture = b64decode(browser.ask("Page.captureScreenshot", format="png")["data"])
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        before = image.getpixel((round(left + width * 0.2), round(top + height / 2)))
        after = image.getpixel((round(left + width * 0.8), round(top + height / 2)))
        assert (before[0] > 240, before[2] < 15) == (True, True)
        assert (after[0] < 15, after[2] > 240) == (True, True)
        assert (sum(image.getpixel((3, 3))) > 384) == (colours == "light")
