"""Reading in a process of its own: the same photos, and real deaths of a real process cost one photo each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from restore.errors import ImageError
from restore.io.decoder import Decoder, Here, decoder_for
from restore.io.read import photo_size, read_photo
from restore.io.told import told_by

pytestmark = pytest.mark.skipif(os.name != "posix", reason="deaths are told by signals")
HERE = Path(__file__).parent
WAIT_S = 60.0
SHORT_S = 1.0
"""A limit that no tiny photo comes near to."""


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    sys.path.insert(0, str(HERE))
    try:
        with Decoder(timeout_s=SHORT_S, reader="deadly_reader:read", sizer="deadly_reader:size") as decoder:
            yield decoder
    finally:
        sys.path.remove(str(HERE))


def draw(path: Path, seed: int = 0) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
    return path


def asked(path: Path) -> int:
    return len(path.with_suffix(".asked").read_text())


def gone(pid: int) -> bool:
    """Whether a process has ended (or is a zombie, where nobody asks for its end); waits for it."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def every_kind(folder: Path) -> list[Path]:
    """Files that take different ways: turned, gray, alpha, 16 bits, CMYK, a profile with a matrix, none at all."""
    rgb = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    colour, plain = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    clear = colour.copy()
    clear.putalpha(plain)
    colour.save(folder / "turned.jpg", quality=80, exif=exif, icc_profile=profile, dpi=(300, 300))
    plain.save(folder / "gray.png")
    clear.save(folder / "alpha.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    clear.save(folder / "clear.webp", lossless=True)
    tifffile.imwrite(folder / "deep.tif", rgb.astype(np.uint16) * 257, photometric="rgb")
    return sorted(folder.iterdir())


def test_every_kind_of_file_is_read_as_in_this_process(decoder, tmp_path) -> None:
    files = every_kind(tmp_path)
    assert len(files) == 6
    for path in files:
        there, here = decoder.read(path, hashed=True), read_photo(path, hashed=True)
        for field in fields(here):
            one, other = getattr(there, field.name), getattr(here, field.name)
            assert torch.equal(one, other) if isinstance(other, torch.Tensor) else one == other, (path, field.name)


def test_bytes_are_read_too_and_pictures_share_no_memory(decoder, tmp_path) -> None:
    first = decoder.read(draw(tmp_path / "a.png", 1).read_bytes())
    kept = first.pixels.clone()
    second = decoder.read(draw(tmp_path / "b.png", 2).read_bytes())
    assert torch.equal(first.pixels, kept)
    assert not torch.equal(first.pixels, second.pixels)


def test_a_refusal_is_that_of_this_process(decoder, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(draw(tmp_path / "whole.png").read_bytes()[:100])
    for path in (broken, tmp_path / "none.png", tmp_path):
        with pytest.raises(ImageError) as here:
            read_photo(path)
        with pytest.raises(ImageError) as there:
            decoder.read(path)
        assert str(there.value) == str(here.value)


@pytest.mark.parametrize(
    ("fate", "words"), [("abort", "aborted"), ("segfault", "segmentation fault"), ("killed", "lack of memory")]
)
def test_a_decoder_that_dies_twice_costs_one_photo(decoder, tmp_path, fate, words) -> None:
    path = draw(tmp_path / f"{fate}.png")
    with pytest.raises(ImageError, match=f"{fate}.png: .*takes the decoder down .*{words}.*save it anew"):
        decoder.read(path)
    assert asked(path) == 2
    assert decoder.read(draw(tmp_path / "next.png")).width == 30


@pytest.mark.parametrize(("fate", "words"), [("abort", r"aborted\), twice in a row"), ("hang", "leave it out")])
def test_a_header_that_kills_or_stops_the_decoder_costs_one_photo(decoder, tmp_path, fate, words, monkeypatch) -> None:
    monkeypatch.setattr("restore.io.decoder.HEADER_S", 0.5)
    path = draw(tmp_path / f"{fate}.png")
    began = time.monotonic()
    with pytest.raises(ImageError, match=f"{fate}.png: reading it .*{words}"):
        decoder.size(path)
    assert time.monotonic() - began < WAIT_S
    assert asked(path) == (2 if fate == "abort" else 1)
    assert decoder.size(draw(tmp_path / "next.png")) == (20, 30)


def test_headers_and_what_files_tell_are_those_of_this_process(decoder, tmp_path) -> None:
    for path in every_kind(tmp_path):
        assert decoder.size(path) == photo_size(path)
        assert decoder.told(path) == told_by(path)
    Path(tmp_path / "empty.png").touch()
    for look in (decoder.size, decoder.told):
        with pytest.raises(ImageError, match=r"empty.png: the file is empty"):
            look(tmp_path / "empty.png")
        with pytest.raises(ImageError, match=r"gone.png: there is no such file"):
            look(tmp_path / "gone.png")


def test_a_death_by_chance_costs_nothing(decoder, tmp_path) -> None:
    path = draw(tmp_path / "once.png")
    assert torch.equal(decoder.read(path).pixels, read_photo(path).pixels)
    assert asked(path) == 2


@pytest.mark.parametrize("fate", ["hang", "hold"])
def test_a_decoder_that_hangs_is_killed_and_not_asked_again(decoder, tmp_path, fate) -> None:
    path = draw(tmp_path / f"{fate}.png")
    decoder.read(draw(tmp_path / "a.png"))
    pid, began = decoder.pid, time.perf_counter()
    with pytest.raises(ImageError, match=f"{fate}.png: .*given up after 1s.*--timeout 3s"):
        decoder.read(path)
    assert SHORT_S <= time.perf_counter() - began < WAIT_S
    assert asked(path) == 1
    assert gone(pid)
    assert decoder.read(draw(tmp_path / "next.png")).width == 30


def test_what_a_decoder_prints_is_no_answer_and_a_bug_is_raised(decoder, tmp_path) -> None:
    assert decoder.read(draw(tmp_path / "chatty.png")).width == 30
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        decoder.read(draw(tmp_path / "bug.png"))


def test_one_process_reads_them_all_ignores_ctrl_c_and_never_loads_torch(decoder, tmp_path) -> None:
    decoder.read(draw(tmp_path / "a.png"))
    pid = decoder.pid
    os.kill(pid, signal.SIGINT)
    assert os.getpgid(pid) != os.getpgid(0)  # Ctrl-C in a terminal goes to the whole group
    decoder.read(draw(tmp_path / "b.png"))
    assert decoder.pid == pid
    if sys.platform == "linux":
        assert "torch" not in Path(f"/proc/{pid}/maps").read_text()


def test_closing_ends_a_picture_that_hangs(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    path, errors = draw(tmp_path / "hang.png"), []
    decoder = Decoder(timeout_s=None, reader="deadly_reader:read")

    def read() -> None:
        try:
            decoder.read(path)
        except ImageError as error:
            errors.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    wait_for(path.with_suffix(".asked"))
    pid = decoder.pid
    decoder.close()
    thread.join(WAIT_S)
    assert "hang.png: reading it was called off" in errors[0]
    assert pid is not None
    assert gone(pid)
    with pytest.raises(ImageError, match="called off"):
        decoder.read(path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("fate", ["idle", "hang", "hold"])
def test_the_process_never_outlives_one_that_is_killed(tmp_path, fate) -> None:
    path = draw(tmp_path / f"{fate}.png")
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "from restore.io.decoder import Decoder\n"
        "decoder = Decoder(timeout_s=None, reader='deadly_reader:read')\n"
        "print(decoder.pid, flush=True)\n"
        f"decoder.read(Path({str(path)!r}))\n"
        "import time; time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_for(path.with_suffix(".asked"))
        assert Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        parent.kill()
    assert gone(pid)


def wait_for(path: Path) -> None:
    began = time.perf_counter()
    while not path.exists():
        assert time.perf_counter() - began < WAIT_S
        time.sleep(0.02)


def test_one_photo_alone_starts_no_process_unless_it_is_to() -> None:
    assert isinstance(decoder_for(1, 300.0), Here)
    for count, apart in ((1, True), (2, False)):
        decoder = decoder_for(count, 300.0, apart=apart)
        assert isinstance(decoder, Decoder)
        decoder.close()
