"""A folder with files that kill or stop their decoder: each is one failure, and the rest is done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from restore.io.decoder import Decoder, Here, decoder_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="deaths are told by signals")
READERS = Path(__file__).parents[1] / "io"
FATES = {"abort": "aborted", "hang": "given up after 1s", "segfault": "segmentation fault"}


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that die for the files of FATES; the process, the pipes and the memory are the real ones."""

    def decoder(count: int, timeout_s: float | None, *, apart: bool = False, **rest: Any) -> Decoder | Here:
        assert count > 1
        assert timeout_s == 300
        assert not apart
        return Decoder(timeout_s=1.0, reader="deadly_reader:read", sizer="deadly_reader:size")

    monkeypatch.syspath_prepend(str(READERS))
    monkeypatch.setattr("restore.cli.machine.decoder_for", decoder)


@pytest.mark.usefixtures("deadly")
def test_files_that_kill_or_stop_their_decoder_fail_alone_and_in_order(run, make_photo) -> None:
    for name in ("a", "abort", "b", "hang", "segfault", "z"):
        make_photo(f"album/{name}.png")
    outcome = run("upscale", "album", "-o", "out/", "-x", "2", "--json")
    assert outcome.code == 3
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(Path(row["source"]).stem, row["status"]) for row in rows] == [
        *(("a", "ok"), ("abort", "failed"), ("b", "ok"), ("hang", "failed"), ("segfault", "failed"), ("z", "ok")),
    ]
    for row in rows:
        if row["status"] == "failed":
            assert row["error"] == "ImageError"
            assert FATES[Path(row["source"]).stem] in row["message"]
            assert row["source"] in row["message"]
    assert {path.name for path in Path("out").iterdir() if not path.name.startswith(".")} == {"a.png", "b.png", "z.png"}


@pytest.mark.usefixtures("deadly")
def test_headers_that_kill_or_stop_their_decoder_fail_alone_in_a_plan(run, make_photo) -> None:
    for name in ("a", "abort", "b", "hang", "segfault", "z"):
        make_photo(f"album/{name}.png")
    outcome = run("upscale", "album", "-o", "out/", "-x", "2", "--dry-run", "--json")
    assert outcome.code == 3
    rows = {Path(row["source"]).stem: row for row in map(json.loads, outcome.out.splitlines())}
    assert {name: row["status"] for name, row in rows.items()} == {
        **dict.fromkeys(("a", "b", "z"), "planned"),
        **dict.fromkeys(FATES, "failed"),
    }
    assert all(words in rows[name]["message"] for name, words in FATES.items())
    assert "plan: 6 photos" in outcome.err


@pytest.mark.usefixtures("deadly")
def test_names_that_need_the_size_of_a_photo_survive_a_deadly_header(run, make_photo) -> None:
    make_photo("a.png")
    make_photo("abort.png")
    outcome = run("upscale", "a.png", "abort.png", "--json")
    assert outcome.code == 3
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(row["target"], row["status"]) for row in rows] == [("a_x4.png", "ok"), ("abort_x4.png", "failed")]


def test_the_time_limit_is_an_option_and_no_setting_of_a_job(run, make_photo) -> None:
    for name in "ab":
        make_photo(f"album/{name}.png")
    assert run("upscale", "album", "-o", "out/", "-x", "2", "--timeout", "90s").code == 0
    outcome = run("upscale", "album", "-o", "out/", "-x", "2", "--timeout", "off", "--resume")
    assert outcome.code == 0
    assert "2 done before" in outcome.err
    wrong = run("upscale", "album", "-o", "out/", "--timeout", "soon")
    assert wrong.code == 2
    assert "--timeout is a time like 90s or 5m, or off; got 'soon'" in wrong.err


@pytest.mark.parametrize(("words", "as_asked"), [((), (1, 300.0, False)), (("--timeout", "2m"), (1, 120.0, True))])
def test_a_photo_alone_is_read_apart_only_if_a_limit_is_given(words, as_asked, run, make_photo, monkeypatch) -> None:
    asked: list[tuple[object, ...]] = []

    def decoder(count: int, timeout_s: float | None, *, apart: bool = False, **rest: Any) -> Decoder | Here:
        asked.append((count, timeout_s, apart))
        return decoder_for(count, timeout_s, apart=apart, **rest)

    monkeypatch.setattr("restore.cli.machine.decoder_for", decoder)
    make_photo("photo.png")
    assert run("upscale", "photo.png", "-x", "2", *words).code == 0
    assert asked == [as_asked]
