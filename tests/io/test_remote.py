"""Addresses as paths: the algebra of pathlib, facts of any package, and nothing shown that opens a door."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from restore.errors import ConfigError
from restore.io import address
from restore.io.remote import Remote, full_name, home_of, path_of
from restore.io.remote_facts import facts_of
from restore.io.steady import sha256_of, state_of


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryFileSystem]:
    """An empty store in memory, and no addresses known."""
    monkeypatch.setattr(address, "_whole", {})
    monkeypatch.setattr(address, "_hosts", {})
    monkeypatch.setattr("restore.io.remote._listed", {})
    monkeypatch.setattr("restore.io.remote._stale", set())
    files = MemoryFileSystem()
    files.rm("/", recursive=True)
    yield files
    files.rm("/", recursive=True)


def test_an_address_is_taken_apart_and_put_together_like_a_path() -> None:
    photo = path_of("memory://bucket/in/") / Path("sub/a.JPG")
    assert str(photo) == "memory://bucket/in/sub/a.JPG"
    assert (photo.name, photo.stem, photo.suffix) == ("a.JPG", "a", ".JPG")
    assert str(photo.with_name("b.png")) == "memory://bucket/in/sub/b.png"
    assert str(photo.parent) == "memory://bucket/in/sub"
    assert [str(parent) for parent in photo.parents][:2] == ["memory://bucket/in/sub", "memory://bucket/in"]
    assert photo.relative_to(path_of("memory://bucket/in")) == Path("sub/a.JPG")
    assert photo.absolute() == photo.resolve() == photo
    assert full_name(photo) == str(photo)
    with pytest.raises(ValueError, match="not in"):
        photo.relative_to(path_of("memory://bucket/i"))


def test_what_is_on_this_computer_is_a_plain_path(tmp_path: Path) -> None:
    for word in ("in/a.jpg", str(tmp_path), "C:/a.jpg"):
        assert path_of(word) == Path(word)
        assert not isinstance(path_of(word), Remote)
    assert path_of(f"file://{tmp_path}/a.jpg") == tmp_path / "a.jpg"
    assert home_of(tmp_path) == tmp_path


def test_a_file_is_read_replaced_moved_and_removed(store: MemoryFileSystem) -> None:
    here, there = path_of("memory://out/a.bin"), path_of("memory://out/b.bin")
    assert isinstance(here, Remote)
    assert isinstance(there, Remote)
    assert not here.exists()
    here.put(b"one")
    here.put(b"three")
    assert here.read_bytes() == b"three"
    with here.open("rb") as file:
        file.seek(2)
        assert file.read(2) == b"re"
    assert sha256_of(here) == "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"
    here.place(there)
    assert store.find("/") == ["/out/b.bin"]
    there.unlink()
    there.unlink(missing_ok=True)
    assert store.find("/") == []


def test_a_listing_answers_until_a_place_is_written_to(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "sub/b.jpg", "sub/../c.jpg", ".hidden/d.jpg"):
        store.store[f"/in/{name}"] = store.open(f"/scratch/{name.count('/')}", "wb")
    folder = path_of("memory://in")
    assert isinstance(folder, Remote)
    assert folder.look_through() == (".hidden/d.jpg", "a.jpg", "sub/b.jpg")  # no path can hold a step upwards
    asked: list[str] = []
    info = MemoryFileSystem.info
    monkeypatch.setattr(
        MemoryFileSystem, "info", lambda self, path, **more: asked.append(path) or info(self, path, **more)
    )
    written = path_of("memory://in/a.jpg")
    assert isinstance(written, Remote)
    assert state_of(written) is not None
    assert not (folder / "e.jpg").exists()
    assert asked == []
    written.put(b"12345")
    state = state_of(written)
    assert state is not None
    assert state.size == 5
    assert asked == ["/in/a.jpg"]


def test_times_of_any_package_are_nanoseconds_and_other_marks_change_with_the_contents() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    expected = 1767323045_678901_000
    assert facts_of({"size": 7, "LastModified": when}, "a").st_mtime_ns == expected
    assert facts_of({"size": 7, "mtime": expected / 1e9}, "a").st_mtime_ns == pytest.approx(expected, abs=2000)
    marks = {facts_of({"size": 7, "ETag": mark}, "a").st_mtime_ns for mark in ("x", "y", "x")}
    assert len(marks) == 2
    assert facts_of({"size": 7}, "a").st_mtime_ns == 0
    assert facts_of({"size": 7, "type": "file"}, "a").st_size == 7


def test_passwords_and_signatures_are_kept_apart_and_travel_with_the_path() -> None:
    word = "https://example.org/a.jpg?X-Amz-Signature=s3cret"
    assert address.shown_address(word) == "https://example.org/a.jpg"
    assert address.whole_address("https://example.org/a.jpg") == word
    shown = address.shown_address("sftp://me:pass@host/in/")
    assert shown == "sftp://me@host/in/"
    assert address.whole_address("sftp://me@host/in/sub/a.jpg") == "sftp://me:pass@host/in/sub/a.jpg"
    with pytest.raises(ConfigError, match=r"https://example.org/a.jpg: given twice"):
        address.shown_address("https://example.org/a.jpg?X-Amz-Signature=other")
    plain = "memory://bucket/a.jpg"
    assert address.shown_address(plain) == plain
    again = pickle.loads(pickle.dumps(path_of(plain)))
    assert isinstance(again, Remote)
    assert again == path_of(plain)


def test_addresses_that_nothing_is_known_about_are_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"nope://in: there is no way to files of this kind"):
        path_of("nope://in/")
    with pytest.raises(ConfigError, match="addresses within addresses"):
        path_of("zip://a.jpg::memory://b.zip")


def test_notes_about_remote_results_lie_in_the_folder_for_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    one, other = home_of(path_of("memory://a/out")), home_of(path_of("memory://b/out"))
    assert one != other
    assert one.parent == tmp_path / "restore" / "jobs"
    assert one == home_of(path_of("memory://a/out/"))
