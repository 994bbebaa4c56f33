"""A journal has each photo's last state, lets one run at a time have a photo, and never harms what it does not know."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from restore.errors import ConfigError, OutputError
from restore.io.folder import Job
from restore.io.journal import NAME, Journal
from restore.io.journal_rows import Result
from restore.io.resume import EXISTS, NOT_OURS, OTHER_SOURCE, Left, difference, sort_jobs
from restore.io.steady import FileState, sha256_of, state_of

SETTINGS = {"scale": "2", "noise": "as usual"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def job(out: Path, name: str = "a.png", content: bytes = b"photo") -> Job:
    """A photo with so many bytes in the folder beside, to become one of that name."""
    source = out.parent / "album" / name
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(content)
    return Job(source, out / name)


def finish(journal: Journal, one: Job, content: bytes = b"result") -> None:
    """What a run does with a photo."""
    assert journal.claim(one, state_of(one.source)) is None
    one.target.write_bytes(content)
    journal.seal(one, len(content), sha256_of(one.target), sha256_of(one.source))
    journal.done(one, Result(output=state_of(one.target), megapixels=1.0, seconds=2.0, faithful_db=40.0))


def begun(out: Path, *jobs: Job, settings: dict[str, str] = SETTINGS) -> Journal:
    journal = Journal(out)
    journal.begin(settings, ["album"], jobs)
    return journal


def sort(out: Path, *jobs: Job, overwrite: bool = False, settings: dict[str, str] = SETTINGS) -> Left:
    with Journal(out) as journal:
        return sort_jobs(jobs, journal, settings, overwrite=overwrite)


def run_that_dies(out: Path, body: str) -> None:
    """A process that begins a run over album/a.png and is killed after the lines of ``body``."""
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom restore.io.folder import Job\n"
        "from restore.io.journal import Journal\nfrom restore.io.steady import sha256_of, state_of\n"
        f"out = Path({str(out)!r})\njob = Job(out.parent / 'album' / 'a.png', out / 'a.png')\n"
        f"journal = Journal(out)\njournal.begin({SETTINGS!r}, ['album'], [job])\n"
        f"assert journal.claim(job, state_of(job.source)) is None\n{body}\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -9, done.stderr


needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to die by")


def test_what_is_written_down_is_found_again(out: Path) -> None:
    one, two = job(out), job(out, "trip/b\udcff.png") if os.name != "nt" else job(out, "trip/b.png")
    with begun(out, one, two) as journal:
        finish(journal, one)
        assert journal.claim(two, state_of(two.source)) is None
        journal.failed(two, f"{two.source}: it is no picture")
    with Journal(out) as journal:
        records = journal.records()
        done, failed = records["a.png"], records[journal.key(two.target)]
        assert journal.settings_of(done.settings) == SETTINGS
    assert (done.state, done.input, done.output) == ("done", state_of(one.source), state_of(one.target))
    assert (done.input_sha256, done.output_sha256) == (sha256_of(one.source), sha256_of(one.target))
    assert (done.megapixels, done.seconds) == (1.0, 2.0)
    assert failed.state == "failed"
    assert str(failed.error).endswith(".png: it is no picture")
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [NAME]  # its log is put away


def test_everything_that_happened_is_kept(out: Path) -> None:
    one = job(out)
    for _ in range(2):
        with begun(out, one) as journal:
            finish(journal, one)
    db = sqlite3.connect(out / NAME)
    states = [state for (state,) in db.execute("SELECT state FROM events ORDER BY id")]
    db.close()
    assert states == ["claimed", "sealed", "done"] * 2


def test_one_run_at_a_time_has_a_photo(out: Path) -> None:
    one = job(out)
    with begun(out, one) as first, begun(out, one) as second:
        assert first.claim(one, state_of(one.source)) is None
        assert second.claim(one, state_of(one.source)) == "busy"
        one.target.write_bytes(b"result")
        first.done(one, Result(output=state_of(one.target), megapixels=1, seconds=1, faithful_db=None))
        assert second.claim(one, state_of(one.source)) == "done"


def test_a_photo_that_a_run_has_failed_at_is_not_tried_by_the_run_beside_it_but_by_the_next(out: Path) -> None:
    one = job(out)
    with begun(out, one) as first, begun(out, one) as second:
        assert first.claim(one, state_of(one.source)) is None
        first.failed(one, "broken")
        assert second.claim(one, state_of(one.source)) == "failed"
    with begun(out, one) as third:
        assert third.claim(one, state_of(one.source)) is None


def test_a_run_that_stops_gives_back_what_it_has_not_finished(out: Path) -> None:
    one = job(out)
    with begun(out, one) as first:
        assert first.claim(one, state_of(one.source)) is None
    with Journal(out) as journal:
        assert journal.records()["a.png"].state == "waiting"


@needs_signals
def test_the_claim_of_a_process_that_was_killed_is_taken_over(out: Path) -> None:
    one = job(out)
    run_that_dies(out, "")
    assert sort(out, one).todo == [one]
    with begun(out, one) as journal:
        assert journal.claim(one, state_of(one.source)) is None


@needs_signals
def test_a_result_that_was_put_in_place_before_its_run_died_is_not_made_again(out: Path) -> None:
    one = job(out)
    body = (
        "job.target.write_bytes(b'result')\n"
        "journal.seal(job, 6, sha256_of(job.target), sha256_of(job.source))"
    )  # fmt: skip
    run_that_dies(out, body)
    assert sort(out, one).before == [one]
    with Journal(out) as journal:
        assert journal.records()["a.png"].state == "done"


@needs_signals
def test_a_file_that_came_in_place_of_a_dead_runs_result_is_left_alone(out: Path) -> None:
    one = job(out)
    run_that_dies(out, "journal.seal(job, 6, '0' * 64, sha256_of(job.source))")
    one.target.write_bytes(b"other!")
    assert sort(out, one).skipped == [(one, EXISTS)]
    assert sort(out, one, overwrite=True).todo == [one]


def test_done_photos_stay_changed_ones_and_lost_results_are_done_again(out: Path) -> None:
    same, touched, changed, lost, new = (job(out, f"{name}.png") for name in "abcde")
    with begun(out, same, touched, changed, lost) as journal:
        for one in (same, touched, changed, lost):
            finish(journal, one)
    os.utime(touched.source, (1, 1))
    os.utime(touched.target, (2, 2))
    changed.source.write_bytes(b"PHOTO")
    lost.target.unlink()
    left = sort(out, same, touched, changed, lost, new)
    assert left.before == [same, touched]
    assert left.todo == [changed, lost, new]
    assert left.replaceable == {changed.target}
    assert left.skipped == []


def test_results_that_somebody_changed_or_made_are_left_alone_unless_overwriting_is_asked_for(out: Path) -> None:
    edited, foreign = job(out, "edited.png"), job(out, "foreign.png")
    with begun(out, edited) as journal:
        finish(journal, edited)
    edited.target.write_bytes(b"RESULT")
    foreign.target.write_bytes(b"precious")
    assert sort(out, edited, foreign).skipped == [(edited, NOT_OURS), (foreign, EXISTS)]
    assert sort(out, edited, foreign, overwrite=True).todo == [edited, foreign]


def test_a_result_of_another_photo_of_that_name_is_no_old_one_of_this(out: Path) -> None:
    one = job(out)
    with begun(out, one) as journal:
        finish(journal, one)
    other = out.parent / "other" / "a.png"
    other.parent.mkdir()
    other.write_bytes(b"another photo")
    assert sort(out, Job(other, one.target)).skipped == [(Job(other, one.target), OTHER_SOURCE)]
    moved = Job(one.source.rename(other.with_name("moved.png")), one.target)
    assert sort(out, moved).before == [moved]  # the same bytes elsewhere


def test_other_settings_are_refused_and_the_difference_is_named(out: Path) -> None:
    one = job(out)
    with begun(out, one) as journal:
        finish(journal, one)
    with pytest.raises(ConfigError, match=r"scale: 2 -> 4[\s\S]*leave out --resume"):
        sort(out, one, settings={**SETTINGS, "scale": "4"})
    assert "noise" not in difference(SETTINGS, {**SETTINGS, "scale": "4"})


def test_a_run_with_other_settings_beside_this_one_takes_photos_of_its_own(out: Path) -> None:
    one, two = job(out), job(out, "b.png")
    with begun(out, one) as first, begun(out, one, two, settings={"scale": "4"}) as second:
        assert first.claim(one, state_of(one.source)) is None
        assert second.claim(one, state_of(one.source)) == "busy"
        assert second.claim(two, state_of(two.source)) is None


def test_a_file_that_is_no_journal_is_named_and_kept(out: Path) -> None:
    out.mkdir()
    (out / NAME).write_bytes(b"Dear Ada, " * 200)
    with pytest.raises(OutputError, match="is damaged"):
        Journal(out)
    assert (out / NAME).read_bytes() == b"Dear Ada, " * 200


def test_a_journal_of_a_later_form_is_refused(out: Path) -> None:
    Journal(out).close()
    db = sqlite3.connect(out / NAME)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(OutputError, match="another restore"):
        Journal(out)


def test_where_no_folder_can_be_made_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        Journal(tmp_path / "out")


def test_two_states_are_one_when_size_and_time_agree(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 7))
    assert state_of(path) == FileState(3, 7)
    assert state_of(tmp_path / "missing") is None
