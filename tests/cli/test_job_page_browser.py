"""The page of a job in a real browser: keys and mouse move the line, filters filter, nothing is fetched."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from chromium import BROWSER, Browser
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

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
HOSTILE = "<img src=x onerror=alert(1)>\"'.png"


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

    assert [url[:5] for url in browser.fetched()] == ["file:"]
    assert browser.complaints() == []


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
