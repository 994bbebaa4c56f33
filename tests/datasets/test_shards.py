"""Shards: read as webdataset reads them, the same batches for the same seed and step, from disk, S3 and the web."""

from __future__ import annotations

import gc
import importlib.util
import io
import sys
import tarfile
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image
from skimage import data

from restore.datasets import fetch, shards
from restore.datasets.archive import Shard, open_shard
from restore.datasets.course import Course
from restore.datasets.shards import ShardLoader
from restore.errors import ConfigError, ImageError, PairingError, TrainingError

SIDE = 24
"""Of a drawn photo, in pixels."""


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def plain(number: int, side: int = SIDE) -> bytes:
    """A photo of one colour, which is its number: whatever is cut from it tells where it came from."""
    return png(np.full((side, side, 3), number, dtype=np.uint8))


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def loader(pattern: str | Path, **settings: Any) -> ShardLoader:
    return ShardLoader(str(pattern), **{"scale": 2, "patch_px": 16, "batch": 4, "seed": 1, **settings})


def numbers(patches: torch.Tensor) -> list[int]:
    """Which photos the patches came from."""
    return [int(patch[0, 0, 0]) for patch in patches]


def steps(source: ShardLoader, first: int, count: int, rank: int = 0, ranks: int = 1) -> list[torch.Tensor]:
    stream = source.stream(first, rank=rank, ranks=ranks)
    found = [patches.hq for patches in islice(stream, count)]
    stream.close()
    return found


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """Ten shards of six numbered photos."""
    for shard in range(10):
        files = {f"{shard}/{number}.png": plain(6 * shard + number) for number in range(6)}
        write_tar(tmp_path / f"photos-{shard:02d}.tar", files)
    return str(tmp_path / "photos-{00..09}.tar")


@pytest.fixture
def random_photos(tmp_path: Path) -> str:
    """Five shards of four photos of noise: two equal patches are the same patch."""
    rng = np.random.default_rng(3)
    for shard in range(5):
        files = {f"{number}.png": png(rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)) for number in range(4)}
        write_tar(tmp_path / f"noise-{shard}.tar", files)
    return str(tmp_path / "noise-{0..4}.tar")


def test_what_webdataset_writes_is_read_file_by_file(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    written = {f"pic/{number}": (plain(number), plain(number + 100, SIDE // 2)) for number in range(5)}
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as archive:
        for name, (hq, lq) in written.items():
            archive.write({"__key__": name, "hq.png": hq, "lq.png": lq, "json": {"caption": "no photo"}})
    shard = open_shard(str(tmp_path / "a.tar"), scale=2, patch_px=16, stop=threading.Event())
    assert shard.paired
    found = [(shard.read(sample.hq), shard.read(sample.lq)) for sample in shard.samples if sample.lq]
    assert found == list(written.values())


def test_a_step_gives_the_same_patches_whenever_it_is_asked_for(random_photos: str) -> None:
    whole = steps(loader(random_photos), 0, 60)
    for first in (1, 23, 59):  # as a resumed run would
        (found,) = steps(loader(random_photos), first, 1)
        assert torch.equal(found, whole[first])
    assert len({batch.numpy().tobytes() for batch in whole}) == 60
    assert not torch.equal(whole[0], steps(loader(random_photos, seed=2), 0, 1)[0])


def test_processes_share_each_batch_without_overlap_or_loss(random_photos: str) -> None:
    whole = steps(loader(random_photos), 7, 12)
    for ranks in (2, 4):
        parts = [steps(loader(random_photos), 7, 12, rank, ranks) for rank in range(ranks)]
        for step, batch in enumerate(whole):
            assert torch.equal(torch.stack([part[step] for part in parts], 1).flatten(0, 1), batch)


def test_every_photo_of_equal_shards_comes_once_before_any_comes_again(photos: str) -> None:
    """A slot shows a photo for eight steps, so 60 photos last 120 steps of a batch of four; lanes are staggered."""
    seen: Counter[tuple[int, int]] = Counter()
    source = loader(photos)
    course = Course(seed=1, batch=4, shard_count=10, per_photo=8, per_shard=6)
    for step, batch in enumerate(steps(source, 0, 700)):
        for slot, number in enumerate(numbers(batch)):
            seen[course.place(slot, step).visit // 10, number] += 1
    for whole_pass in (1, 2, 3):
        assert {seen[whole_pass, number] for number in range(60)} == {8}


def test_shards_and_photos_come_in_another_order_in_each_pass() -> None:
    course = Course(seed=5, batch=16, shard_count=30, per_photo=8, per_shard=100)
    passes = [[course.shard(visit) for visit in range(30 * number, 30 * number + 30)] for number in range(3)]
    assert all(sorted(order) == list(range(30)) for order in passes)
    assert len({tuple(order) for order in passes}) == 3
    visits = [tuple(course.photo(visit, number, 100) for number in range(100)) for visit in range(3)]
    assert all(sorted(order) == list(range(100)) for order in visits)
    assert len(set(visits)) == 3


@pytest.mark.parametrize(("batch", "ranks"), [(8, 2), (16, 8), (24, 4)])
def test_up_to_eight_processes_never_read_the_same_shard_at_a_time(batch: int, ranks: int) -> None:
    course = Course(seed=0, batch=batch, shard_count=100, per_photo=8, per_shard=50)
    for step in range(0, 1000, 37):
        visits = [{course.place(slot, step).visit for slot in range(batch)[rank::ranks]} for rank in range(ranks)]
        assert sum(map(len, visits)) == len(set.union(*visits))


def test_decoding_is_spread_evenly_over_steps() -> None:
    course = Course(seed=0, batch=16, shard_count=100, per_photo=8, per_shard=50)
    for step in range(1, 200):
        fresh = sum(course.place(slot, step).period != course.place(slot, step - 1).period for slot in range(16))
        assert fresh == 2


def test_crops_flips_and_turns_keep_a_pair_aligned(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    small = rng.integers(0, 255, (20, 28, 3), dtype=np.uint8)
    large = small.repeat(2, 0).repeat(2, 1)
    path = write_tar(tmp_path / "a.tar", {"x.lq.png": png(small), "x.hq.png": png(large)})
    stream = loader(path).stream(0)
    cuts = list(islice(stream, 20))
    stream.close()
    for patches in cuts:
        assert patches.lq is not None
        assert torch.equal(patches.hq, patches.lq.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert len({patch.numpy().tobytes() for patches in cuts for patch in patches.hq}) > 60


def test_the_share_asked_for_is_cut_from_copies_of_half_the_size(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255  # half the size, they are an even grey
    source = loader(write_tar(tmp_path / "a.tar", {"a.png": png(stripes)}), batch=8, half_size_chance=0.25)
    patches = torch.cat(steps(source, 0, 100)).float()
    even = patches.flatten(1).std(1) < 60
    assert float(even.float().mean()) == pytest.approx(0.25, abs=0.05)
    assert patches[even].mean() == pytest.approx(127.5, abs=2)


def test_a_shifted_pair_is_put_in_place_when_asked_for(tmp_path: Path) -> None:
    photo = data.astronaut()[:256, :256]
    files = {"a.hq.png": png(photo[:240, :240]), "a.lq.png": png(photo[4:244, 6:246])}
    path = write_tar(tmp_path / "a.tar", files)
    for align, apart in ((False, 5.0), (True, 0.0)):
        stream = loader(path, scale=1, patch_px=48, align=align).stream(0)
        patches = next(stream)
        stream.close()
        assert patches.lq is not None
        difference = float((patches.hq.float() - patches.lq.float()).abs().mean())
        assert difference == 0 if align else difference > apart


def test_held_out_photos_are_never_trained_on(photos: str) -> None:
    source = loader(photos, held_count=2)
    held = {np.asarray(Image.open(io.BytesIO(files.hq)))[0, 0, 0] for files in source.held_out}
    assert held == {0, 1}
    assert set().union(*(numbers(batch) for batch in steps(source, 0, 700))) == set(range(2, 60))


def test_held_out_photos_are_at_most_a_tenth(photos: str) -> None:
    assert len(loader(photos, held_count=8).held_out) == 3  # half of the first shard
    assert len(loader(photos.replace("{00..09}", "00"), held_count=8).held_out) == 0


def test_few_shards_are_open_at_a_time_and_none_is_left(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = threading.active_count()
    opened: list[weakref.ref[Shard]] = []

    def remembered(*arguments: Any, **settings: Any) -> Shard:
        shard = open_shard(*arguments, **settings)
        opened.append(weakref.ref(shard))
        return shard

    monkeypatch.setattr(shards, "open_shard", remembered)
    most = 0
    stream = loader(photos, batch=2).stream(0)
    for _ in islice(stream, 500):
        most = max(most, sum(shard() is not None for shard in opened))
    stream.close()
    del stream
    gc.collect()
    assert len(opened) > 20
    assert most <= 2 * 2 + 1  # two lanes, each with the next shard under way, and one that is just let go
    assert sum(shard() is not None for shard in opened) == 0
    assert threading.active_count() == threads


def test_small_and_unreadable_photos_are_left_out_and_counted(tmp_path: Path) -> None:
    torn = png(np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8))[:-600]
    files = {"a.png": plain(1), "b.png": plain(2, 12), "c.png": b"no picture", "d.png": torn, "e.txt": b"no photo"}
    source = loader(write_tar(tmp_path / "a.tar", files))
    assert {number for batch in steps(source, 0, 60) for number in numbers(batch)} == {1}
    assert len(source.skipped) == 3
    for name, reason in {
        "b": "12x12 is smaller than the training patch of 16",
        "c": "no picture",
        "d": "damaged",
    }.items():
        assert any(f"a.tar/{name}.png: " in line and reason in line for line in source.skipped)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.hq.png": plain(1), "b.hq.png": plain(2), "b.lq.png": plain(2, 12)}, r"a\.hq\.png: no lq partner"),
        ({"a.hq.png": plain(1), "a.lq.png": plain(1, 12), "b.lq.png": plain(2)}, r"b\.lq\.png: no hq partner"),
        ({"a.hq.png": plain(1), "a.lq.png": plain(1, 8)}, r"a\.lq\.png: 8x8 times 2 is 16x16.*a\.hq\.png has 24x24"),
        ({"a.1.png": plain(1), "a.2.png": plain(2)}, r"a\.2\.png: a second photo of the sample that has a\.1\.png"),
        ({"a.png": plain(1, 8), "b.png": plain(1, 9)}, r"none of its 2 photos can be used.*8x8 is smaller"),
        ({"a.txt": b"", ".b.png": plain(1)}, "no photos in it"),
        ({"a.png": b"GIF8 and no more"}, "none of its 1 photos can be used"),
    ],
)
def test_what_is_wrong_in_a_shard_is_told_with_names(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=rf"(?s)bad\.tar: .*{message}"):
        loader(write_tar(tmp_path / "bad.tar", files))


def torn_header(whole: bytes) -> bytes:
    """One bit of the second file's header is wrong."""
    place = whole.index(b"b.png")
    return whole[:place] + b"B" + whole[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:700], "not a plain tar file, or cut short"),
        (lambda whole: whole[: whole.index(b"b.png")], r"damaged or cut short after a\.png"),
        (torn_header, r"damaged or cut short after a\.png"),
        (lambda whole: whole[:0], "not a plain tar file"),
        (lambda whole: b"<html>404</html>".ljust(len(whole)), "not a plain tar file"),
    ],
)
def test_a_broken_shard_is_named(damage: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "bad.tar", {"a.png": plain(1), "b.png": plain(2)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PairingError, match=rf"bad\.tar: {message}"):
        loader(path)


def test_a_shard_that_breaks_later_stops_the_stream_when_it_is_reached(photos: str) -> None:
    threads = threading.active_count()
    broken = Path(photos.replace("{00..09}", "07"))
    source = loader(photos)
    broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(PairingError, match=r"photos-07\.tar: not a plain tar file, or cut short"):
        steps(source, 0, 200)
    write_tar(broken, {"a.hq.png": plain(1), "a.lq.png": plain(1, SIDE // 2)})
    with pytest.raises(PairingError, match=r"photos-07\.tar: holds pairs, but .*photos-00\.tar holds good photos"):
        steps(source, 0, 200)
    assert threading.active_count() == threads


def test_many_photos_in_a_row_that_cannot_be_decoded_stop_the_stream(
    photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(data: bytes) -> None:
        raise ImageError("<bytes>: damaged")

    monkeypatch.setattr(shards, "read_photo", refuse)
    with pytest.raises(PairingError, match=r"photos-\d\d\.tar: 20 photos in a row cannot be decoded"):
        steps(loader(photos), 0, 1)


def test_patterns_that_match_nothing_are_refused_with_what_is_missing(photos: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"photos-10\.tar: no such file \(and 2 more\)"):
        loader(photos.replace("..09}", "..12}"))
    with pytest.raises(ConfigError, match=r"nothing matches; give a path or URL like photos-\{000\.\.012\}\.tar"):
        loader(tmp_path / "*.zip")
    with pytest.raises(ConfigError, match="braces must hold a rising range"):
        loader(photos.replace("..09}", "..x}"))
    with pytest.raises(ConfigError, match="cannot be read from there"):
        loader("nowhere://a.tar")
    for pattern in (photos, tmp_path / "photos-*.tar", tmp_path, f"{tmp_path}/", f"file://{photos}"):
        assert loader(pattern).photo_count == 60


def test_a_missing_package_is_named_with_the_extra_that_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(ConfigError, match=r's3fs.*pip install "restore-photos\[shards\]"'):
        loader("s3://bucket/a.tar")


def test_a_fetch_that_breaks_off_is_tried_three_times(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MemoryFileSystem().pipe("/a.tar", Path(photos.replace("{00..09}", "00")).read_bytes())
    working = MemoryFileSystem._open
    faults: list[Exception] = []

    def breaking(self: MemoryFileSystem, *arguments: Any, **settings: Any) -> Any:
        if faults:
            raise faults.pop()
        return working(self, *arguments, **settings)

    monkeypatch.setattr(MemoryFileSystem, "_open", breaking)
    monkeypatch.setattr(fetch, "_PAUSES_S", (0.0, 0.0))
    faults += [TimeoutError("the line went dead")] * 2
    assert loader("memory://a.tar").photo_count == 6
    faults += [TimeoutError("the line went dead")] * 3
    with pytest.raises(TrainingError, match=r"memory://a\.tar: cannot be read \(the line went dead\).*--resume"):
        loader("memory://a.tar")
    faults += [PermissionError("not yours")]
    with pytest.raises(ConfigError, match=r"memory://a\.tar: reading is not permitted \(not yours\)"):
        loader("memory://a.tar")


def test_a_full_disk_is_told_with_the_way_out(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    full = open("/dev/full", "r+b", buffering=0)  # noqa: PTH123, SIM115 - closed by what is tested
    monkeypatch.setattr(fetch.tempfile, "TemporaryFile", lambda **_: full)
    MemoryFileSystem().pipe("/a.tar", Path(photos.replace("{00..09}", "00")).read_bytes())
    with pytest.raises(TrainingError, match=r"memory://a\.tar: no room for a copy of it in .*TMPDIR"):
        loader("memory://a.tar")
    assert full.closed


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address at which the folder is served."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_shards_on_the_web_give_the_batches_of_the_same_files_on_disk(random_photos: str, web: str) -> None:
    pytest.importorskip("aiohttp")
    remote = f"{web}/{Path(random_photos).name}"
    for here, there in zip(steps(loader(random_photos), 3, 20), steps(loader(remote), 3, 20), strict=True):
        assert torch.equal(here, there)
    with pytest.raises(ConfigError, match=rf"{web}/noise-7\.tar: no such file"):
        loader(f"{web}/noise-{{0..7}}.tar")


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
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("photos")
    yield files
    files.rm("photos", recursive=True)  # the server's memory is one for the whole process
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_shards_in_a_bucket_give_the_batches_of_the_same_files_on_disk(random_photos: str, bucket: Any) -> None:
    for path in sorted(Path(random_photos).parent.glob("noise-*.tar")):
        bucket.pipe(f"photos/{path.name}", path.read_bytes())
    whole = steps(loader(random_photos), 5, 30)
    for pattern in ("s3://photos/noise-{0..4}.tar", "s3://photos/noise-*.tar"):
        for here, there in zip(whole, steps(loader(pattern), 5, 30), strict=True):
            assert torch.equal(here, there)
    halves = [steps(loader("s3://photos/noise-{0..4}.tar"), 5, 30, rank, 2) for rank in (0, 1)]
    for step, batch in enumerate(whole):
        assert torch.equal(torch.stack([half[step] for half in halves], 1).flatten(0, 1), batch)


def test_what_is_wrong_with_a_bucket_is_told_with_names(random_photos: str, bucket: Any) -> None:
    whole = Path(random_photos.replace("{0..4}", "0")).read_bytes()
    bucket.pipe("photos/noise-0.tar", whole)
    bucket.pipe("photos/noise-1.tar", whole[:3000])
    with pytest.raises(ConfigError, match=r"s3://photos/noise-2\.tar: no such file"):
        loader("s3://photos/noise-{0..2}.tar")
    with pytest.raises(PairingError, match=r"s3://photos/noise-1\.tar: not a plain tar file, or cut short"):
        steps(loader("s3://photos/noise-{0..1}.tar"), 0, 200)
    bucket.rm("photos/noise-1.tar")
    bucket.pipe("photos/noise-2.tar", whole)
    with pytest.raises(PairingError, match=r"s3://photos/noise-1\.tar: no such file"):
        steps(loader("s3://photos/noise-{0..2}.tar"), 0, 200)


def make_shards(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "make_shards.py"
    spec = importlib.util.spec_from_file_location("make_shards", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["make_shards.py", *map(str, arguments)])
    module.main()


def test_the_same_folder_gives_the_same_shards_to_the_bit_and_webdataset_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tariterators = pytest.importorskip("webdataset.tariterators")
    for folder, side in (("hq", SIDE), ("lq", SIDE // 2)):
        (tmp_path / folder).mkdir()
        for number in range(20):
            (tmp_path / folder / f"my photo.{number}.png").write_bytes(plain(number, side))
    for name in ("one", "two"):
        make_shards(
            monkeypatch, "--hq", tmp_path / "hq", "--lq", tmp_path / "lq", "-x", "2", "-o", tmp_path / name / "s",
            "--size", "0.02",
        )  # fmt: skip
    pattern = capsys.readouterr().out.split()[0]
    assert pattern.endswith("s-{000000..000002}.tar")
    for number in range(3):
        one, two = ((tmp_path / name / f"s-{number:06d}.tar").read_bytes() for name in ("one", "two"))
        assert one == two
    found = []
    for number in range(3):
        with (tmp_path / "one" / f"s-{number:06d}.tar").open("rb") as file:
            contents = ({**member, "__url__": ""} for member in tariterators.tar_file_iterator(file))
            found += [(sample["hq.png"], sample["lq.png"]) for sample in tariterators.group_by_keys(contents)]
    assert sorted(found) == sorted((plain(number), plain(number, SIDE // 2)) for number in range(20))
    assert found != [(plain(number), plain(number, SIDE // 2)) for number in range(20)]
    assert loader(pattern).photo_count in (18, 21)
