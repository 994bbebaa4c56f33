"""``--report``: what became of every photo, for programs, for spreadsheets, and as a page to look through."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore.cli.album import Album
from restore.cli.job_page import Facts, job_page
from restore.cli.rows import Row
from restore.cli.walk import Account
from restore.inference.batch import Done, Failed, run_batch
from restore.inference.thumbnail import SIDE_PX, small_jpegs, small_of
from restore.inference.upscale import Report, Upscaler
from restore.io.folder import Job
from restore.io.photo import Photo

HOSTILE = "<img src=x onerror=alert(1)>\"'&#%?.png"
VOID = {"meta", "input", "img", "br"}


class Page(HTMLParser):
    """What a browser would make of a page; a tag that is not closed, or closed twice, is an error."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str, css: str = "") -> list[dict[str, str]]:
        named = [attrs for name, attrs in self.tags if name == tag]
        return [attrs for attrs in named if not css or css in attrs.get("class", "").split()]

    @property
    def photos(self) -> list[dict[str, str]]:
        return self.all("article")


def page_of(name: str = "job.html") -> Page:
    return Page(Path(name).read_text(encoding="utf-8"))


def noise(height: int, width: int, seed: int) -> Photo:
    pixels = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    return Photo(pixels=pixels, alpha=None, gray=False, depth=8, format="PNG", mode="RGB", name=f"{seed}.png")


def facts(folder: Path) -> Facts:
    return Facts(inputs=("album",), output="out/", settings={"scale": "2"}, problem="", folder=folder)


def row(name: str, **values: object) -> Row:
    paths = {"source": f"in/{name}", "target": f"out/{name}", "task": "upscale", "width": 40, "height": 30}
    return Row("ok", name, paths | values, "words")


def test_a_page_shows_each_photo_before_and_after_with_links_that_lead_there(run, make_photo) -> None:
    for name in ("a.png", "trip/b.jpg", HOSTILE, "javascript:alert(1).png", "ü 100%25.png"):
        make_photo(f"album/{name}")
    Path("reports").mkdir()
    assert run("upscale", "album", "-o", "out/", "-x", "2", "--report", "reports/job.html").code == 0
    page = page_of("reports/job.html")
    assert len(page.photos) == 5
    pictures = page.all("img", "before") + page.all("img", "after")
    assert len(pictures) == 10
    for picture in pictures:
        kind, _, data = picture["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(b64decode(data, validate=True))) as image:
            assert image.size[0] / image.size[1] == pytest.approx(48 / 32, abs=0.05)
    reached = {(Path("reports") / unquote(link["href"])).resolve() for link in page.all("a")}
    assert reached == {path.resolve() for folder in ("album", "out") for path in Path(folder).rglob("*.[pj]*")}
    assert all(not urlsplit(link["href"]).scheme and not urlsplit(link["href"]).query for link in page.all("a"))


def test_nothing_in_a_page_leads_outside_and_no_name_becomes_markup(run, make_photo) -> None:
    make_photo(f"album/{HOSTILE}")
    Path(f"album/broken{HOSTILE}").write_bytes(b"</script><b>no picture")
    assert run("upscale", "album", "-o", "out/", "--report", "job.html").code == 3
    source, page = Path("job.html").read_text(encoding="utf-8"), page_of()
    assert [attrs for _, attrs in page.tags if "onerror" in attrs] == []
    assert len(page.all("img")) == 2
    assert all(attrs["src"].startswith("data:") for _, attrs in page.tags if "src" in attrs)
    assert not {"link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not re.search(r"https?:|url\(|@import|//[a-z]", re.sub(r"base64,[^\"]*", "", source))
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes are a thing of Unix")
def test_a_name_of_broken_bytes_gets_a_link_of_those_bytes(run, make_photo) -> None:
    make_photo("album/a.png")
    try:
        os.rename(b"album/a.png", b"album/\xff.png")  # noqa: PTH104 - a name of bytes
    except OSError:
        pytest.skip("the disk takes no such names")
    assert run("upscale", "album", "-o", "out/", "--report", "job.html").code == 0
    assert page_of().all("a")[0]["href"] == "album/%FF.png"
    assert run("upscale", "album", "-o", "more/", "--report", "job.csv").code == 0


def test_failures_come_first_then_what_the_photo_supports_least() -> None:
    account = Account(
        rows=[
            row("kept.png", unsupported_share=0.0, colour_drift=0.0),
            row("invented.png", unsupported_share=0.30, colour_drift=0.1),
            row("tinted.png", unsupported_share=0.02, colour_drift=1.5),
            Row("skip", "old", {"source": "in/old.png", "target": "out/old.png", "reason": "exists"}, "exists"),
            row("other.png", unsupported_share=0.02, colour_drift=0.1, consistency_db=22.0),
            row("cleaned.png", strength=100, colour_drift=0.1, consistency_db=22.0, explained=0.99),
            row("scrubbed.png", strength=100, colour_drift=0.1, consistency_db=22.0, explained=0.2),
            Row("fail", "x", {"source": "in/x.png", "target": "out/x.png", "message": "no <picture>"}, "no <picture>"),
        ],
        before=[Job(Path("in/early.png"), Path("out/early.png"))],
    )
    with Album(0) as album:
        page = Page("".join(job_page(facts(Path()), account, album)))
    order = [unquote(link["href"]).removeprefix("in/") for link in page.all("a") if link["href"].startswith("in/")]
    assert order[0] == "x.png"
    assert order[-2:] == ["old.png", "early.png"]
    assert [name for name in order if name in {"invented.png", "tinted.png", "kept.png"}] == [
        "invented.png",
        "tinted.png",
        "kept.png",
    ]
    assert order.index("other.png") < order.index("cleaned.png")
    assert order.index("scrubbed.png") < order.index("cleaned.png")
    assert "no <picture>" in page.words
    risks = [float(photo["data-risk"]) for photo in page.photos if photo["data-kind"] == "changed"]
    assert risks == sorted(risks, reverse=True)


def test_a_thousand_photos_stay_under_60_megabytes_even_if_all_are_noise(tmp_path: Path) -> None:
    shown, name = 8, "a name of some length, " * 8
    rows = [row(f"{name}{number}.png", width=900, height=600, seconds=1.0) for number in range(1000)]
    account = Account(rows=[Row("ok", "", one.values, "words " * 60) for one in rows], planned=1000)
    photos = [noise(600, 900, number) for number in range(4)]
    with Album(1000) as album:
        for number, one in enumerate(rows[:shown]):
            job = Job(Path(str(one.values["source"])), Path(str(one.values["target"])))
            album.before(job.source, photos[number % 4])
            album.after(job.source, job.target, photos[(number + 1) % 4], unchanged=False)
            album.tell(Done(job, report(), 1.0))
            assert [data[:2] for data in album.pictures(job.target)] == [b"\xff\xd8"] * 2
        text = sum(len(part.encode()) for part in job_page(facts(tmp_path), account, Album(0)))
        with_pictures = sum(len(part.encode()) for part in job_page(facts(tmp_path), account, album))
    each = (with_pictures - text) / shown
    assert 20_000 < each < 55_000
    assert text + 1000 * each < 60e6


def test_a_larger_job_gets_smaller_pictures() -> None:
    sizes = {}
    for count in (10, 1000, 5000):
        with Album(count) as album:
            album.before(Path("a"), noise(400, 600, 1))
            album.after(Path("a"), Path("b"), noise(400, 600, 2), unchanged=False)
            album.tell(Done(Job(Path("a"), Path("b")), report(), 1.0))
            sizes[count] = sum(map(len, album.pictures(Path("b"))))
    assert sizes[10] == sizes[1000]
    assert 5000 * sizes[5000] * 4 / 3 < 55e6


def report() -> Report:
    return Report(
        factor=2, weights=(), source_height=3, source_width=4, height=6, width=8, consistency_db=40.0, drift=0.0,
        seconds=1.0, notes=(),
    )  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 90_000), (4000, 3), (700, 901)])
def test_a_small_picture_is_the_photo_averaged_and_never_larger(height: int, width: int) -> None:
    right = torch.linspace(0, 1, width).expand(3, height, width)
    photo = Photo(pixels=right, alpha=None, gray=False, depth=8, format="PNG", mode="RGB")
    small = small_of(photo)
    assert max(small.height, small.width) <= min(SIDE_PX, max(height, width))
    middles = (torch.arange(small.width) + 0.5) / small.width  # of a slope, shrinking takes the value at each middle
    ends = slice(2, -2) if small.width > 4 else slice(0, 0)
    assert torch.allclose(small.pixels[0, 0, ends], middles[ends], atol=0.01)
    (data,) = small_jpegs([small], 20_000)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (small.width, small.height)
        assert not image.getexif()


def test_what_is_transparent_is_shown_on_white() -> None:
    photo = Photo(
        pixels=torch.zeros(3, 20, 20), alpha=torch.zeros(20, 20), gray=False, depth=8, format="PNG", mode="RGBA"
    )
    (data,) = small_jpegs([small_of(photo)], 20_000)
    with Image.open(io.BytesIO(data)) as image:
        assert np.asarray(image).min() >= 254


def test_a_photo_that_came_out_unchanged_has_one_picture_and_one_that_failed_its_own(run, make_photo, monkeypatch):
    for name in ("a.png", "b.png"):
        make_photo(f"album/{name}")

    def fail(self: Upscaler, photo: Photo, *rest: object) -> object:
        raise restore.errors.ImageError(f"{photo.name}: it is <cursed>")

    monkeypatch.setattr(Upscaler, "__call__", fail)
    assert run("upscale", "album", "-o", "out/", "--report", "job.html").code == 3
    page = page_of()
    assert [photo["data-kind"] for photo in page.photos] == ["failed", "failed"]
    assert len(page.all("img", "alone")) == 2
    assert "it is <cursed>" in "".join(page.words)


def test_after_ctrl_c_the_page_has_what_was_done_and_resume_lists_it(run, make_photo, monkeypatch) -> None:
    for name in "abc":
        make_photo(f"album/{name}.png")
    whole = Upscaler.__call__

    def pressed(self: Upscaler, photo: Photo, *rest: object) -> object:
        if photo.name == "b.png":
            raise KeyboardInterrupt
        return whole(self, photo, *rest)

    words = ("upscale", "album", "-o", "out/", "-x", "2", "--report", "job.html")
    with monkeypatch.context() as patch:
        patch.setattr(Upscaler, "__call__", pressed)
        assert run(*words).code == 130
    page = page_of()
    assert [photo["data-kind"] for photo in page.photos] == ["changed"]
    assert {"stopped", "not come to"} <= set(page.words)
    assert page.words[page.words.index("not come to") + 1] == "2"
    assert run(*words, "--resume").code == 0
    assert sorted(photo["data-kind"] for photo in page_of().photos) == ["before", "changed", "changed"]
    assert "not come to" not in page_of().words


def test_ctrl_c_before_the_first_photo_leaves_a_report_too(run, make_photo, monkeypatch) -> None:
    make_photo("photo.png")

    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("restore.cli.order.work_for", pressed)
    assert run("upscale", "photo.png", "--report", "job.json").code == 130
    assert json.loads(Path("job.json").read_text())["exit_code"] == 130


def test_a_file_that_was_being_written_at_ctrl_c_is_told_of(tmp_path: Path) -> None:
    jobs = [Job(tmp_path / name, tmp_path / f"out-{name}") for name in "ab"]
    slow, told = threading.Event(), []

    def work(photo: Photo) -> tuple[Photo, Report]:
        if photo.name == "1.png":  # the first one is still being written
            slow.set()
            raise KeyboardInterrupt
        return photo, report()

    def write(_photo: Photo, path: Path) -> None:
        assert slow.wait(20)
        path.write_bytes(b"whole")

    numbers = iter((noise(2, 2, 0), noise(2, 2, 1)))
    with pytest.raises(KeyboardInterrupt):
        list(run_batch(jobs, work, read=lambda _: next(numbers), write=write, late=told.append))
    assert [type(one) for one in told] == [Done]
    assert told[0].job == jobs[0]
    assert jobs[0].target.read_bytes() == b"whole"


def test_a_dry_run_and_a_run_without_weights_are_pages_as_well(run, make_photo) -> None:
    make_photo("album/a.png")
    make_photo("album/b.png")
    assert run("upscale", "album", "-o", "out/", "-x", "2", "--dry-run", "--report", "job.html").code == 0
    assert [photo["data-kind"] for photo in page_of().photos] == ["planned", "planned"]
    assert run("upscale", "album", "-o", "out/", "--weights", "upscale-x9", "--report", "job.html").code == 6
    assert "upscale-x9" in "".join(page_of().words)
    assert page_of().photos == []


def test_lines_and_table_have_the_rows_of_the_json(run, make_photo) -> None:
    for name in ("a.png", 'b;\n".png'):
        make_photo(f"album/{name}")
    make_photo("=1+1.png")
    Path("album/c.jpg").write_text("no picture")
    words = ("upscale", "album", "=1+1.png", "-o", "out/", "-x", "2", "--overwrite", "--report")
    lines = run(*words, "r.jsonl", "--json").out
    assert Path("r.jsonl").read_text(encoding="utf-8") == lines
    rows = [json.loads(line) for line in lines.splitlines()]
    assert run(*words, "r.csv").code == 3
    with Path("r.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [one["status"] for one in table] == [one["status"] for one in rows]
    for cells, one in zip(table, rows, strict=True):
        assert Path(cells["source"]).resolve() == Path(one["source"]).resolve()
        assert cells["message"] == one.get("message", "")
        assert float(cells["colour_drift"] or -1) == one.get("colour_drift", -1)
        assert not any(cell.startswith(("=", "@")) for cell in cells.values())


def test_an_unfinished_page_never_takes_the_place_of_an_older_one(run, make_photo, monkeypatch) -> None:
    make_photo("photo.png")
    Path("job.html").write_text("old")
    whole = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).name == "job.html":
            raise OSError(28, "No space left on device")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", full)
    outcome = run("upscale", "photo.png", "-x", "2", "--report", "job.html")
    assert outcome.code == 2
    assert "No space left on device" in outcome.err
    assert Path("job.html").read_text() == "old"
    assert {path.name for path in Path().iterdir()} == {"photo.png", "photo_x2.png", "job.html"}


def test_no_room_for_small_pictures_is_no_reason_to_fail(run, make_photo, monkeypatch) -> None:
    make_photo("photo.png")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("restore.cli.album.tempfile.TemporaryFile", full)
    assert run("upscale", "photo.png", "-x", "2", "--report", "job.html").code == 0
    assert [photo["data-kind"] for photo in page_of().photos] == ["changed"]
    assert page_of().all("img") == []


def test_other_names_and_folders_are_refused_before_any_work(run, make_photo) -> None:
    make_photo("photo.png")
    Path("job.html").mkdir()
    for name, words in (("r.txt", "ends with .json, .jsonl, .csv or .html"), ("job.html", "this is a folder")):
        outcome = run("upscale", "photo.png", "--report", name)
        assert outcome.code == 2
        assert words in outcome.err
    assert not Path("photo_x4.png").exists()


def test_small_pictures_of_a_job_do_not_pile_up_in_memory() -> None:
    with Album(30) as album:
        for number in range(30):
            job = Job(Path(f"{number}"), Path(f"out/{number}"))
            album.before(job.source, noise(60, 80, number))
            album.after(job.source, job.target, noise(60, 80, number), unchanged=False)
            album.tell(Done(job, report(), 1.0) if number % 2 else Failed(job, restore.errors.ImageError("x"), "write"))
            assert not album._before
            assert not album._packed
