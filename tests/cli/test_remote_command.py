"""Photos in buckets and on servers: the same results as from a disk, whole or not at all, one failure is one photo."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from restore.io import address
from restore.io.journal import NAME

MakePhoto = Callable[..., Path]
Run = Callable[..., Any]
NAMES = ("a.jpg", "sub/b.png", "sub/deep/c.jpg")


class Moody(MemoryFileSystem):
    """A server whose uploads can be seen before they are whole; some of its files cannot be reached."""

    protocol = ("moody",)
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    faults: ClassVar[dict[str, Exception]] = {}
    moves_fail = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("moody://").rpartition("@")[2].strip("/")

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **more: Any) -> bytes:
        for name, fault in self.faults.items():
            if path.endswith(name):
                raise fault
        return bytes(super().cat_file(path, start, end, **more))

    def mv(self, path1: str, path2: str, **more: Any) -> None:
        assert "/.restore-" in path1
        assert self.store[path1].getvalue()
        if self.moves_fail:
            raise ConnectionResetError("connection reset by peer")
        super().mv(path1, path2, **more)


@pytest.fixture(autouse=True)
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty stores, and a folder of states of their own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(address, "_whole", {})
    monkeypatch.setattr(address, "_hosts", {})
    monkeypatch.setattr("restore.io.remote._listed", {})
    monkeypatch.setattr("restore.io.remote._stale", set())
    fsspec.register_implementation("moody", Moody, clobber=True)
    for store in (MemoryFileSystem, Moody):
        monkeypatch.setattr(store, "store", {})
        monkeypatch.setattr(store, "pseudo_dirs", [""])
    monkeypatch.setattr(Moody, "faults", {})


@pytest.fixture
def photos(tmp_path: Path, make_photo: MakePhoto) -> list[str]:
    """Photos below in/, of several formats and sizes."""
    for number, name in enumerate(NAMES):
        make_photo(f"in/{name}", width=40 + 4 * number)
    return list(NAMES)


@pytest.fixture
def near(run: Run, photos: list[str], tmp_path: Path) -> dict[str, bytes]:
    """What becomes of them on a disk."""
    assert run("upscale", "in/", "-o", "near/", "-x", "2").code == 0
    return {name: (tmp_path / "near" / name).read_bytes() for name in photos}


def upload(files: Any, root: str, tmp_path: Path) -> None:
    for path in (tmp_path / "in").rglob("*.*"):
        files.pipe_file(f"{root}/{path.relative_to(tmp_path / 'in').as_posix()}", path.read_bytes())


def contents(files: Any, root: str) -> dict[str, bytes]:
    found = {name: bytes(files.cat_file(name)) for name in files.find(root)}
    return {name.removeprefix(root).strip("/"): data for name, data in found.items()}


@pytest.mark.parametrize("protocol", ["memory", "moody"])
def test_results_in_a_store_are_those_of_a_disk_in_the_same_folders(
    protocol: str, run: Run, near: dict[str, bytes], tmp_path: Path
) -> None:
    files = fsspec.filesystem(protocol)
    upload(files, "/in", tmp_path)
    files.pipe_file("/in/note.txt", b"no photo")
    files.pipe_file("/in/.hidden/d.jpg", b"not looked at")
    outcome = run("upscale", f"{protocol}://in/", "-o", f"{protocol}://out/", "-x", "2", "--json")
    assert outcome.code == 0
    assert contents(files, "/out") == near
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert {row["target"] for row in rows} == {f"{protocol}://out/{name}" for name in NAMES}
    assert run("upscale", "in/", "-o", f"{protocol}://up/", "-x", "2").code == 0
    assert run("upscale", f"{protocol}://in/", "-o", "down/", "-x", "2").code == 0
    assert contents(files, "/up") == near
    assert {name: (tmp_path / "down" / name).read_bytes() for name in NAMES} == near


def test_resume_knows_what_is_done_from_a_journal_on_this_computer(
    run: Run, near: dict[str, bytes], tmp_path: Path
) -> None:
    files = MemoryFileSystem()
    upload(files, "/in", tmp_path)
    words = ("upscale", "memory://in/", "-o", "memory://out/", "-x", "2")
    files.pipe_file("/in/bad.jpg", b"nonsense")
    assert run(*words).code == 3
    assert sorted(contents(files, "/out")) == sorted(NAMES)  # no journal among the results
    assert len(list((tmp_path / "state").rglob(NAME))) == 1
    files.pipe_file("/in/bad.jpg", files.cat_file("/in/a.jpg"))
    files.rm_file("/out/sub/b.png")
    files.pipe_file("/in/sub/deep/c.jpg", files.cat_file("/in/a.jpg"))
    outcome = run(*words, "--resume", "--json")
    assert outcome.code == 0
    done = {json.loads(line)["source"] for line in outcome.out.splitlines()}
    assert done == {"memory://in/bad.jpg", "memory://in/sub/b.png", "memory://in/sub/deep/c.jpg"}
    assert "1 done before" in outcome.err
    assert contents(files, "/out") == {**near, "bad.jpg": near["a.jpg"], "sub/deep/c.jpg": near["a.jpg"]}


def test_what_exists_is_skipped_and_replaced_only_when_asked(run: Run, near: dict[str, bytes], tmp_path: Path) -> None:
    files = MemoryFileSystem()
    upload(files, "/in", tmp_path)
    files.pipe_file("/out/a.jpg", b"somebody's own")
    words = ("upscale", "memory://in/", "-o", "memory://out/", "-x", "2")
    outcome = run(*words)
    assert outcome.code == 0
    assert "skip memory://in/a.jpg → memory://out/a.jpg  exists" in outcome.out
    assert files.cat_file("/out/a.jpg") == b"somebody's own"
    assert run(*words, "--overwrite").code == 0
    assert contents(files, "/out") == near
    assert run("upscale", "memory://in/a.jpg", "-o", "memory://out/a.jpg", "-x", "2").code == 2
    beside = run("upscale", "memory://in/a.jpg", "-x", "2")
    assert beside.code == 0
    assert files.cat_file("/in/a_x2.jpg") == near["a.jpg"]


def test_photos_that_cannot_be_fetched_are_a_line_each_and_the_rest_goes_on(
    run: Run, near: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fsspec.filesystem("moody")
    upload(files, "/in", tmp_path)
    faults = {
        "1.jpg": (PermissionError("Forbidden"), "reading is not permitted"),
        "2.jpg": (ConnectionResetError(104, "Connection reset by peer"), "cannot be read"),
        "3.jpg": (TimeoutError("no answer"), "cannot be read (no answer)"),
        "4.jpg": (RuntimeError("a package's own"), "cannot be read (a package's own)"),
        "5.jpg": (FileNotFoundError("gone"), "there is no such file"),
    }
    for name in faults:
        files.pipe_file(f"/in/{name}", near["a.jpg"])
    monkeypatch.setattr(Moody, "faults", {f"/in/{name}": fault for name, (fault, _) in faults.items()})
    outcome = run("upscale", "moody://in/", "-o", "out/", "-x", "2")
    assert outcome.code == 3
    for name, (_, words) in faults.items():
        assert f"fail moody://in/{name}: {words}" in outcome.err
    assert {name: (tmp_path / "out" / name).read_bytes() for name in NAMES} == near


def test_an_upload_that_breaks_off_leaves_nothing_behind(
    run: Run, near: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fsspec.filesystem("moody")
    monkeypatch.setattr(Moody, "moves_fail", True)
    outcome = run("upscale", "in/a.jpg", "-o", "moody://out/", "-x", "2")
    assert outcome.code == 3
    assert "moody://out/a.jpg: cannot be written" in outcome.err
    assert "connection reset by peer" in outcome.err
    assert contents(files, "/") == {}


def test_no_password_is_in_anything_that_is_said_or_kept(run: Run, near: dict[str, bytes], tmp_path: Path) -> None:
    files = fsspec.filesystem("moody")
    upload(files, "/host/in", tmp_path)
    files.pipe_file("/host/in/bad.jpg", b"nonsense")
    there = "moody://me:hunter2@host"
    outcome = run("upscale", f"{there}/in/", "-o", f"{there}/out/", "-x", "2", "-v", "--report", "job.html")
    assert outcome.code == 3
    assert contents(files, "/host/out") == near
    (journal,) = (tmp_path / "state").rglob(NAME)
    with closing(sqlite3.connect(journal)) as db:
        kept = "\n".join(db.iterdump()) + (tmp_path / "job.html").read_text()
    assert "moody://me@host/in/a.jpg" in outcome.out
    assert "moody://me@host/in" in kept
    assert "hunter2" not in outcome.out + outcome.err + kept


def test_a_page_links_to_addresses_and_shows_their_photos(run: Run, photos: list[str], tmp_path: Path) -> None:
    upload(MemoryFileSystem(), "/in", tmp_path)
    outcome = run("upscale", "memory://in/", "-o", "memory://out/", "-x", "2", "--report", "job.html")
    assert outcome.code == 0
    page = (tmp_path / "job.html").read_text()
    assert 'href="memory://out/sub/b.png"' in page
    assert page.count("data:image/jpeg") == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("memory://nowhere/", "-o", "out/"), "memory://nowhere: there is no such file or folder"),
        (("memory://in/*.jpg", "-o", "out/"), "--include"),
        (("nope://in/", "-o", "out/"), "no way to files of this kind"),
        (("https://127.0.0.1:1/a.jpg",), "nobody answers there"),
    ],
)
def test_addresses_that_lead_nowhere_are_refused_before_anything_is_done(
    words: tuple[str, ...], said: str, run: Run
) -> None:
    outcome = run("upscale", *words, "-x", "2")
    assert outcome.code in (2, 4)
    assert said in outcome.err


def test_a_watch_wants_folders_on_this_computer(run: Run, photos: list[str]) -> None:
    outcome = run("watch", "memory://in/", "-o", "out/", "--once")
    assert outcome.code == 2
    assert "--resume" in outcome.err


class _QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and does not write what it was asked for to stderr, where the command's own words are looked at."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_photo_is_fetched_from_the_web_without_its_signature_being_told(
    run: Run, near: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("aiohttp")
    handler = partial(_QuietHandler, directory=str(tmp_path / "in"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        good = run("upscale", f"{url}/a.jpg?sig=hunter2", "-o", "web/", "-x", "2", "-v", "--report", "job.json")
        gone = run("upscale", f"{url}/none.jpg?sig=hunter3", "-o", "web/", "-x", "2", "-v")
        beside = run("upscale", f"{url}/sub/b.png", "-x", "2")
    finally:
        server.shutdown()
        server.server_close()
    assert good.code == 0
    assert (tmp_path / "web" / "a.jpg").read_bytes() == near["a.jpg"]
    assert gone.code == 2
    assert beside.code == 2
    assert "-o FOLDER/" in beside.err
    said = "".join(one.out + one.err for one in (good, gone, beside)) + (tmp_path / "job.json").read_text()
    assert "hunter" not in said


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket of a server that speaks S3, found through the variables that Amazon's tools know."""
    s3fs = pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "AKIDHUNTER",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("album")
    yield files
    files.invalidate_cache()
    files.rm("album", recursive=True)  # the server's memory is one for the whole process
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_is_restored_into_itself_and_gone_on_with(
    run: Run, near: dict[str, bytes], bucket: Any, tmp_path: Path
) -> None:
    upload(bucket, "album/in", tmp_path)
    words = ("upscale", "s3://album/in/", "-o", "s3://album/out/", "-x", "2")
    outcome = run(*words, "-v")
    assert outcome.code == 0
    bucket.invalidate_cache()
    assert contents(bucket, "album/out") == near
    assert "hunter" not in (outcome.out + outcome.err).lower()
    bucket.rm_file("album/out/a.jpg")
    again = run(*words, "--resume")
    assert again.code == 0
    assert "1 done, 2 done before" in again.err
    bucket.invalidate_cache()
    assert contents(bucket, "album/out") == near


def test_a_bucket_that_is_not_there_is_said_in_words(run: Run, near: dict[str, bytes], bucket: Any) -> None:
    outcome = run("upscale", "s3://nobody-has-this/in/", "-o", "out/", "-x", "2")
    assert outcome.code == 2
    assert "s3://nobody-has-this/in: there is no such file or folder" in outcome.err
    written = run("upscale", "in/", "-o", "s3://nobody-has-this/out/", "-x", "2")
    assert written.code in (2, 3)
    assert "s3://nobody-has-this/out" in written.err
