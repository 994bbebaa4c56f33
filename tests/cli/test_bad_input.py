"""What a person is told when something is wrong, and the exit code that a script sees."""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
import zlib
from pathlib import Path

import pytest
import torch

from restore.cli import exit_codes
from restore.cli.exit_codes import exit_code
from restore.errors import (
    ConfigError,
    DeviceError,
    ImageError,
    OutputError,
    PairingError,
    RestoreError,
    TrainingError,
    WeightsError,
)
from restore.inference.upscale import Upscaler
from restore.io.journal import NAME


def files() -> set[str]:
    """Every file below the current folder, hidden ones too."""
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


def bomb(path: Path, width: int, height: int) -> None:
    """A whole PNG of one bit per pixel: 400 million pixels in some 50 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


# photos that cannot be read


def test_a_missing_file_is_wrong_use(run) -> None:
    outcome = run("upscale", "missing.jpg")
    assert outcome.code == 2
    assert re.fullmatch(r"error: missing\.jpg: .*no such file.*\n", outcome.err)


def test_a_missing_file_among_others_stops_before_any_work(run, make_photo) -> None:
    make_photo("photo.png")
    assert run("upscale", "photo.png", "missing.jpg").code == 2
    assert files() == {"photo.png"}


def test_no_photo_at_all_is_wrong_use(run) -> None:
    outcome = run("upscale")
    assert outcome.code == 2
    assert "no photo was given" in outcome.err


def test_an_empty_folder_holds_nothing_usable(run) -> None:
    Path("album").mkdir()
    Path("album/notes.txt").write_text("no photo")
    outcome = run("upscale", "album")
    assert outcome.code == 4
    assert outcome.err.startswith("error: no pictures found in album; other files there: 1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("truncated", "damaged"),
        ("text", ""),
        ("nothing", "empty"),
    ],
)
def test_a_file_that_is_no_whole_picture_fails_by_name(run, make_photo, content, words) -> None:
    whole = make_photo("whole.jpg").read_bytes()
    Path("bad.jpg").write_bytes({"truncated": whole[: len(whole) // 2], "text": b"Dear Ada,", "nothing": b""}[content])
    outcome = run("upscale", "bad.jpg")
    assert outcome.code == 4
    assert outcome.out == ""
    assert re.fullmatch(r"fail bad\.jpg: \S.*\n", outcome.err)
    assert words in outcome.err
    assert "Traceback" not in outcome.err
    assert files() == {"whole.jpg", "bad.jpg"}


def test_one_bad_photo_never_stops_a_folder(run, make_photo) -> None:
    make_photo("album/a.png")
    Path("album/b.jpg").write_bytes(b"")
    make_photo("album/c.png")
    outcome = run("upscale", "album", "-x", "2", "-o", "out/")
    assert outcome.code == 3
    assert {path.name for path in Path("out").iterdir()} == {"a.png", "c.png", NAME}
    assert "fail album/b.jpg" in outcome.err
    assert "2 done, 1 failed" in outcome.err


def test_a_decompression_bomb_is_refused_unopened(run, tmp_path) -> None:
    bomb(tmp_path / "bomb.png", 20_000, 20_000)
    assert Path("bomb.png").stat().st_size < 100_000
    outcome = run("upscale", "bomb.png")
    assert outcome.code == 4
    assert "400 megapixels" in outcome.err
    assert "--max-megapixels 401" in outcome.err
    assert run("upscale", "bomb.png", "--dry-run").code == 4


def test_an_unreadable_folder_is_named(run, make_photo, monkeypatch) -> None:
    make_photo("album/locked/a.png")
    whole = os.scandir

    def refuse(path: str = ".") -> object:
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", refuse)
    outcome = run("upscale", "album")
    assert outcome.code == 2
    assert "album/locked: this folder cannot be opened (Permission denied)" in outcome.err


def test_an_unreadable_list_is_named(run) -> None:
    outcome = run("upscale", "--from", "list.txt")
    assert outcome.code == 2
    assert "--from list.txt: the list cannot be read" in outcome.err


def test_a_damaged_picture_from_stdin_fails(run) -> None:
    outcome = run("upscale", "-", feed=b"Dear Ada,")
    assert outcome.code == 4
    assert outcome.picture == b""
    assert outcome.err.startswith("fail -: ")


# results that cannot be written


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (errno.EACCES, "writing is not permitted there"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "the disk is full"),
    ],
)
def test_a_target_that_cannot_be_written_fails_and_leaves_nothing(run, make_photo, monkeypatch, fault, words) -> None:
    make_photo("photo.png")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        outcome = run("upscale", "photo.png", "-x", "2")
    assert outcome.code == 3
    assert "fail photo.png: " in outcome.err
    assert words in outcome.err
    assert "-o" in outcome.err  # the next thing to try
    assert files() == {"photo.png"}


def test_an_existing_target_is_refused_for_one_photo(run, make_photo) -> None:
    make_photo("photo.png")
    Path("photo_x2.png").write_bytes(b"precious")
    outcome = run("upscale", "photo.png", "-x", "2")
    assert outcome.code == 2
    assert "exists already; add --overwrite" in outcome.err
    assert Path("photo_x2.png").read_bytes() == b"precious"


def test_the_photo_itself_is_never_the_target(run, make_photo) -> None:
    before = make_photo("photo.png").read_bytes()
    outcome = run("upscale", "photo.png", "-o", "photo.png", "--overwrite")
    assert outcome.code == 2
    assert "would replace the photo photo.png" in outcome.err
    assert Path("photo.png").read_bytes() == before


def test_two_photos_with_one_target_are_refused_before_any_work(run, make_photo) -> None:
    make_photo("a.jpg")
    make_photo("a.png")
    outcome = run("upscale", "a.jpg", "a.png", "--format", "webp")
    assert outcome.code == 2
    assert "a.jpg and a.png would both become a_x4.webp" in outcome.err
    assert files() == {"a.jpg", "a.png"}


def test_a_gif_whose_name_is_taken_fails_alone(run, make_photo) -> None:
    for name in ("a.gif", "a.png", "b.gif"):
        make_photo(f"album/{name}")
    outcome = run("upscale", "album", "-o", "out/", "-x", "2", "--report", "job.html")
    assert outcome.code == 3
    page = Path("job.html").read_text(encoding="utf-8")
    assert page.count('<article class="card photo"') == 3
    assert page.count("<img ") == 4  # the GIF has none of the PNG's
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("fail")]
    assert line.startswith("fail album/a.gif: album/a.png and album/a.gif would both become out/a.png; rename one")
    assert "2 done, 1 failed" in outcome.err
    assert {path.name for path in Path("out").glob("*.*")} == {"a.png", "b.png", NAME}


@pytest.mark.skipif(sys.platform != "linux", reason="names there are always text")
def test_a_broken_photo_whose_name_is_no_text_is_one_line_and_no_end(run, make_photo) -> None:
    make_photo("album/a.png")
    name = os.fsdecode(b"album/caf\xe9")
    Path(f"{name}.png").write_bytes(b"no picture")
    make_photo(f"{name} 2.png")
    for more in ((), ("--resume",)):
        outcome = run("upscale", "album", "-o", "out/", "-x", "2", *more)
        assert outcome.code == 3
        assert outcome.err.count("fail album/caf\\udce9.png: this is no picture") == 1
    assert "1 failed, 2 done before" in outcome.err


def test_a_jpeg_and_a_png_of_one_name_do_not_collide(run, make_photo) -> None:
    make_photo("a.jpg")
    make_photo("a.png")
    assert run("upscale", "a.jpg", "a.png", "-x", "2").code == 0
    assert files() == {"a.jpg", "a.png", "a_x2.jpg", "a_x2.png"}


def test_a_stream_has_no_name_for_a_folder_and_an_existing_file_is_kept(run, make_photo) -> None:
    picture = make_photo("photo.png").read_bytes()
    Path("out").mkdir()
    assert "has no name" in run("upscale", "-", "-o", "out/", feed=picture).err
    assert "exists already" in run("upscale", "-", "-o", "photo.png", feed=picture).err
    assert Path("photo.png").read_bytes() == picture


# options that make no sense


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-x", "0.5"], "--scale is over 1 and at most 8"),
        (["-x", "1"], "--scale is over 1 and at most 8"),
        (["-x", "99"], "--scale is over 1 and at most 8"),
        (["-x", "nan"], "--scale is over 1 and at most 8"),
        (["-x", "double"], "'--scale'"),
        (["-x", "2", "--long-side", "100"], "give one of --scale, --long-side and --size"),
        (["--size", "big"], "--size is WIDTHxHEIGHT"),
        (["--size", "0x10"], "--size is WIDTHxHEIGHT"),
        (["--long-side", "0"], "'--long-side'"),
        (["--noise", "51"], "--noise is auto or a number from 0 to 50"),
        (["--jpeg", "0"], "--jpeg is auto or a number from 1 to 100"),
        (["--jpeg", "bad"], "--jpeg is auto or a number from 1 to 100"),
        (["--clean", "--noise", "3"], "--clean means"),
        (["--format", "doc"], "unknown format 'doc'"),
        (["--quality", "101"], "'--quality'"),
        (["--depth", "12"], "--depth must be 8 or 16"),
        (["--strip", "some"], "'some'"),
        (["--name", "{what}{ext}"], "must hold {stem}"),
        (["--max-memory", "lots"], "--max-memory is an amount like 2G"),
        (["--max-memory", "0"], "--max-memory is an amount like 2G"),
        (["--threads", "0"], "'--threads'"),
        (["--model-size", "huge"], "'huge'"),
        (["--report", "nowhere/report.json"], "there is no folder 'nowhere'"),
        (["--no-such-option"], "No such option"),
        (["-", "-x", "2"], "cannot be mixed"),
        (["photo.png", "-o", "-"], "stdout takes one picture"),
        (["-o", "-", "--dry-run"], "--dry-run needs files"),
    ],
)
def test_wrong_use_is_explained_and_nothing_is_written(run, make_photo, words, message) -> None:
    make_photo("photo.png")
    first = "photo.png" if "photo.png" not in words else "other.png"
    outcome = run("upscale", first, *words)
    assert outcome.code == 2
    assert message in re.sub(r"\s*│\n│\s*", " ", outcome.err)
    assert files() == {"photo.png"}


def test_a_photo_that_is_already_larger_fails_alone(run, make_photo) -> None:
    make_photo("album/large.png", 200, 100)
    make_photo("album/small.png", 40, 20)
    outcome = run("upscale", "album", "--long-side", "100")
    assert outcome.code == 3
    assert "fail album/large.png: long side 100 is 0.5 times a photo of 200x100" in outcome.err
    assert run("upscale", "album/large.png", "--long-side", "100").code == 2


# devices, memory, weights


def test_a_device_that_is_not_there_says_what_to_use(run, make_photo) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "--device", "quantum")
    assert outcome.code == 5
    assert "use auto, cpu" in outcome.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU to compute on")
def test_a_missing_gpu_points_to_the_cpu(run, make_photo) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "--device", "cuda")
    assert outcome.code == 5
    assert "--device cpu" in outcome.err


@pytest.mark.parametrize("error", [MemoryError(), DeviceError("not enough memory even for one tile")])
def test_too_little_memory_fails_the_photo(run, make_photo, monkeypatch, error) -> None:
    make_photo()

    def burst(*_: object) -> None:
        raise error

    monkeypatch.setattr(Upscaler, "__call__", burst)
    outcome = run("upscale", "photo.png")
    assert outcome.code == 5
    assert "fail photo.png: not enough memory" in outcome.err


def test_missing_weights_list_the_known_ones(run, make_photo) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "--weights", "upscale-x9")
    assert outcome.code == 6
    assert "upscale-x2" in outcome.err
    assert run("upscale", "photo.png", "--weights", "missing.safetensors").code == 6


@pytest.mark.parametrize("where", ["header", "tensors", "end"])
def test_damaged_weights_are_refused(run, make_photo, tiny_file, where) -> None:
    make_photo()
    path = tiny_file("mine.safetensors", 2)
    data = bytearray(path.read_bytes())
    if where == "end":
        del data[-100:]
    else:
        data[20 if where == "header" else -20] ^= 0x55
    path.write_bytes(data)
    outcome = run("upscale", "photo.png", "-x", "2", "--weights", "mine.safetensors")
    assert outcome.code == 6
    assert outcome.err.startswith("error: mine.safetensors: ")
    assert files() == {"photo.png", "mine.safetensors"}


def test_weights_for_another_task_are_refused(run, make_photo, tiny_file) -> None:
    make_photo()
    tiny_file("noise.safetensors", 2, task="denoise")
    outcome = run("upscale", "photo.png", "--weights", "noise.safetensors")
    assert outcome.code == 6
    assert "these weights are for 'denoise', not for upscale" in outcome.err


# the unexpected


def test_a_bug_is_one_line_and_the_way_to_the_traceback(run, make_photo, monkeypatch) -> None:
    make_photo()

    def bug(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Upscaler, "__call__", bug)
    outcome = run("upscale", "photo.png")
    assert outcome.code == 1
    assert outcome.err == "unexpected fault: ZeroDivisionError: division by zero; run again with -v for the traceback\n"
    assert "Traceback" in run("upscale", "photo.png", "-v").err


def test_every_error_of_the_package_has_its_exit_code() -> None:
    wrong_use = dict.fromkeys((ConfigError, OutputError, ImageError, PairingError), 2)
    codes = {**wrong_use, DeviceError: 5, WeightsError: 6, TrainingError: 1}
    assert {kind: exit_code(kind("why")) for kind in RestoreError.__subclasses__()} == codes


def test_the_exit_codes_are_those_that_scripts_rely_on() -> None:
    names = ("DONE", "FAULT", "WRONG_USE", "SOME_FAILED", "NOTHING_USABLE", "DEVICE", "WEIGHTS", "STOPPED")
    assert [getattr(exit_codes, name) for name in names] == [0, 1, 2, 3, 4, 5, 6, 130]
