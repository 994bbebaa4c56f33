"""``restore upscale`` as a person types it, through everything but the real weights."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import restore
from restore.inference.restorer import Restorer
from restore.inference.upscale import Upscaler
from restore.io.journal import NAME


def size_of(path: Path | str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pixels_of(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


# one photo


def test_a_photo_gets_a_result_four_times_as_large_beside_it(run, make_photo) -> None:
    make_photo("photo.jpg", quality=92)
    outcome = run("upscale", "photo.jpg")
    assert outcome.code == 0
    assert files() == {"photo.jpg", "photo_x4.jpg"}
    assert size_of("photo_x4.jpg") == (192, 128)
    assert re.fullmatch(
        r"ok   photo\.jpg → photo_x4\.jpg  \d+\.\d s  x4 48x32 → 192x128, (noise \d+, )?JPEG 92, "
        r"faithful \d+ dB, colour drift \d+\.\d\n",
        outcome.out,
    )
    assert outcome.err == ""


def test_beyond_four_megapixels_a_photo_is_doubled_and_the_line_says_so(run, make_photo, monkeypatch) -> None:
    monkeypatch.setattr("restore.inference.upscale.AUTO_LIMIT_MEGAPIXELS", 0.001)
    make_photo("large.png")
    make_photo("small.png", 20, 10)
    outcome = run("upscale", "large.png", "small.png")
    assert outcome.code == 0
    assert size_of("large_x2.png") == (96, 64)
    assert size_of("small_x4.png") == (80, 40)
    large, small = outcome.out.splitlines()
    assert "megapixels, so x2" in large
    assert "megapixels" not in small


def test_the_limit_of_the_automatic_scale_is_four_million_pixels(run, make_photo) -> None:
    make_photo("at.png", 2000, 2000)
    make_photo("over.png", 2000, 2001)
    outcome = run("upscale", "at.png", "over.png", "--dry-run")
    assert [line.split(" → ")[1].split()[0] for line in outcome.out.splitlines()] == ["at_x4.png", "over_x2.png"]


@pytest.mark.parametrize(
    ("words", "name", "size"),
    [
        (["-x", "2"], "photo_x2.png", (96, 64)),
        (["-x", "3"], "photo_x3.png", (144, 96)),
        (["--scale", "1.5"], "photo_x1.5.png", (72, 48)),
        (["--long-side", "100"], "photo_100px.png", (100, 67)),
        (["--size", "120x80"], "photo_120x80.png", (120, 80)),
        (["--size", "120x300"], "photo_120x300.png", (120, 80)),
    ],
)
def test_the_size_is_what_was_asked_for(run, make_photo, words, name, size) -> None:
    make_photo()
    assert run("upscale", "photo.png", *words).code == 0
    assert size_of(name) == size


def test_names_in_any_script_survive(run, make_photo) -> None:
    make_photo("zdjęcia/Großer 🏔 bär.jpg")
    outcome = run("upscale", "zdjęcia", "-x", "2")
    assert outcome.code == 0
    assert size_of("zdjęcia/Großer 🏔 bär_x2.jpg") == (96, 64)
    assert "Großer 🏔 bär_x2.jpg" in outcome.out


# what is wrong with the photo


@pytest.fixture
def conditions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float | None, float | None]]:
    """(noise, jpeg) of every restoration."""
    seen: list[tuple[float | None, float | None]] = []
    whole = Restorer.restore

    def spy(self: Restorer, image: torch.Tensor, condition: restore.Condition, **rest: object) -> torch.Tensor:
        seen.append((condition.noise, condition.jpeg))
        return whole(self, image, condition, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Restorer, "restore", spy)
    return seen


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ([], (0, 40)),
        (["--noise", "auto", "--jpeg", "auto"], (0, 40)),
        (["--noise", "12.5"], (12.5, 40)),
        (["--jpeg", "70"], (0, 70)),
        (["--noise", "3", "--jpeg", "100"], (3, 100)),
        (["--clean"], (0, 100)),
    ],
)
def test_the_network_is_told_what_is_known(run, make_photo, conditions, words, known) -> None:
    make_photo("photo.jpg", quality=40)
    assert run("upscale", "photo.jpg", "-x", "2", *words).code == 0
    assert conditions == [known]


def test_a_picture_without_a_jpegs_grid_is_not_repaired_as_one(run, make_photo, conditions) -> None:
    make_photo("photo.bmp")
    assert run("upscale", "photo.bmp", "-x", "2", "--noise", "5").code == 0
    assert conditions == [(5, 100)]


@pytest.mark.parametrize("words", [["--noise", "40"], ["--jpeg", "10"], ["--clean"]])
def test_the_condition_changes_the_picture(run, make_photo, words) -> None:
    make_photo("photo.jpg")
    run("upscale", "photo.jpg", "-x", "2", "-o", "auto.png")
    run("upscale", "photo.jpg", "-x", "2", "-o", "told.png", *words)
    assert (pixels_of("auto.png") != pixels_of("told.png")).any()


# how much is invented


def test_detail_changes_the_picture_and_is_told(run, make_photo, detail_weights) -> None:
    make_photo()
    outcomes = [
        run("upscale", "photo.png", "-x", "2", "--detail", str(level), "-o", f"{level}.png") for level in (0, 40)
    ]
    assert [outcome.code for outcome in outcomes] == [0, 0]
    assert "detail" not in outcomes[0].out
    assert ", detail 40, " in outcomes[1].out
    assert (pixels_of("0.png") != pixels_of("40.png")).any()


def test_without_the_option_there_is_a_little_detail_and_named_weights_are_taken_as_they_are(
    run, make_photo, detail_weights
) -> None:
    make_photo()
    plain = run("upscale", "photo.png", "-x", "2", "--json", "-o", "plain.png")
    run("upscale", "photo.png", "-x", "2", "--detail", "25", "-o", "quarter.png")
    run("upscale", "photo.png", "-x", "2", "--detail", "0", "-o", "zero.png")
    run("upscale", "photo.png", "-x", "2", "--weights", "upscale-x2", "-o", "named.png")
    assert json.loads(plain.out)["detail"] == 25
    assert json.loads(plain.out)["weights"] == ["upscale-x2"]
    assert (pixels_of("plain.png") == pixels_of("quarter.png")).all()
    assert (pixels_of("named.png") == pixels_of("zero.png")).all()
    assert (pixels_of("plain.png") != pixels_of("zero.png")).any()


@pytest.mark.parametrize(
    ("words", "projected"),
    [
        (["--clean", "--detail", "60"], True),
        (["--clean"], True),
        (["--clean", "--detail", "0"], False),
        (["--noise", "5", "--detail", "60"], False),
        (["--clean", "--detail", "60", "--no-project"], False),
        (["--project"], True),
    ],
)
def test_the_line_and_json_say_whether_the_result_was_projected(
    run, make_photo, detail_weights, words, projected
) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "-x", "2", *words)
    assert (", projected, " in outcome.out) == projected
    again = json.loads(run("upscale", "photo.png", "-x", "2", "--json", "--overwrite", *words).out)
    assert again["projected"] == projected


def test_a_projected_result_is_more_faithful(run, make_photo, detail_weights) -> None:
    make_photo()
    words = ("upscale", "photo.png", "-x", "2", "--clean", "--detail", "100", "--json", "--overwrite")
    raw, projected = (json.loads(run(*words, way).out)["consistency_db"] for way in ("--no-project", "--project"))
    assert projected > raw + 6


def test_the_plan_says_how_much_detail_there_will_be(run, make_photo, detail_weights) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "-x", "2", "--detail", "25.5", "--dry-run")
    assert outcome.out == "plan photo.png → photo_x2.png  x2 48x32 → 96x64, detail 25.5\n"
    words = ("upscale", "photo.png", "-x", "2", "--detail", "25.5", "--dry-run", "--json")
    assert json.loads(run(*words).out)["detail"] == 25.5


@pytest.mark.parametrize(
    "words",
    [["-x", "4"], ["-x", "2", "--model-size", "base"], ["-x", "2", "--weights", "upscale-x2-detail"], ["-x", "8"]],
)
@pytest.mark.parametrize("way", [[], ["--dry-run"]])
def test_detail_where_there_are_no_weights_for_it_is_refused(run, make_photo, detail_weights, words, way) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "--detail", "50", *words, *way)
    assert outcome.code == 6
    assert "detail weights" in outcome.err
    assert "photo_x2.png" not in files()
    assert run("upscale", "photo.png", "--detail", "0", *words, *way).code == 0


@pytest.mark.parametrize("level", ["-1", "101", "much"])
def test_detail_is_a_number_from_0_to_100(run, make_photo, detail_weights, level) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "-x", "2", "--detail", level)
    assert outcome.code == 2
    assert "--detail" in outcome.err


# the written file


def test_format_decides_the_kind_of_file(run, make_photo) -> None:
    make_photo("photo.png")
    assert run("upscale", "photo.png", "-x", "2", "--format", "webp").code == 0
    with Image.open("photo_x2.webp") as image:
        assert image.format == "WEBP"


def test_a_lower_quality_makes_a_smaller_file(run, make_photo) -> None:
    make_photo("photo.jpg", quality=90)
    for quality in (20, 95):
        assert run("upscale", "photo.jpg", "-x", "2", "--quality", str(quality), "-o", f"q{quality}.jpg").code == 0
    assert Path("q20.jpg").stat().st_size < 0.7 * Path("q95.jpg").stat().st_size


@pytest.mark.parametrize("depth", [8, 16])
def test_depth_decides_the_bits_of_a_channel(run, make_photo, depth) -> None:
    make_photo("photo.png")
    assert run("upscale", "photo.png", "-x", "2", "--depth", str(depth)).code == 0
    assert Path("photo_x2.png").read_bytes()[24] == depth  # the bit depth in a PNG's header


@pytest.mark.parametrize(
    ("strip", "artist", "place"), [("none", True, True), ("gps", True, False), ("all", False, False)]
)
def test_strip_leaves_metadata_out(run, make_photo, strip, artist, place) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    exif.get_ifd(0x8825)[1] = "N"
    make_photo("photo.jpg", exif=exif.tobytes())
    assert run("upscale", "photo.jpg", "-x", "2", "--strip", strip).code == 0
    with Image.open("photo_x2.jpg") as image:
        kept = image.getexif()
        assert (kept.get(0x013B) == "Ada") == artist
        assert bool(kept.get_ifd(0x8825)) == place


def test_name_is_a_template(run, make_photo) -> None:
    make_photo("photo.png")
    assert run("upscale", "photo.png", "-x", "2", "--name", "large-{what}-{stem}{ext}").code == 0
    assert "large-x2-photo.png" in files()


def test_overwrite_replaces_a_result(run, make_photo) -> None:
    make_photo("photo.png")
    Path("photo_x2.png").write_bytes(b"old")
    assert run("upscale", "photo.png", "-x", "2").code == 2
    assert Path("photo_x2.png").read_bytes() == b"old"
    assert run("upscale", "photo.png", "-x", "2", "--overwrite").code == 0
    assert size_of("photo_x2.png") == (96, 64)


# which photos


def test_a_folder_is_mirrored_with_the_same_names(run, make_photo) -> None:
    make_photo("album/a.jpg")
    make_photo("album/2024/b.png")
    outcome = run("upscale", "album", "-o", "out/", "-x", "2")
    assert outcome.code == 0
    assert {name for name in files() if name.startswith("out/")} == {"out/a.jpg", "out/2024/b.png", f"out/{NAME}"}
    assert re.search(r"^2 done in \d+ s$", outcome.err, re.MULTILINE)


def test_without_recursion_inner_folders_are_left_alone(run, make_photo) -> None:
    make_photo("album/a.png")
    make_photo("album/2024/b.png")
    assert run("upscale", "album", "-o", "out", "-x", "2", "--no-recursive").code == 0
    assert {name for name in files() if name.startswith("out/")} == {"out/a.png", f"out/{NAME}"}


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["--include", "*.jpg"], {"a.jpg"}),
        (["--include", "a*", "--include", "c*"], {"a.jpg", "c.png"}),
        (["--exclude", "b*"], {"a.jpg", "c.png"}),
        ([], {"a.jpg", "b.png", "c.png"}),
    ],
)
def test_patterns_choose_among_the_files_of_a_folder(run, make_photo, words, taken) -> None:
    for name in ("a.jpg", "b.png", "c.png"):
        make_photo(f"album/{name}")
    assert run("upscale", "album", "-o", "out/", "-x", "2", *words).code == 0
    assert {path.name for path in Path("out").iterdir()} == {*taken, NAME}


@pytest.mark.parametrize("between", ["\n", "\0"])
def test_from_takes_a_list_of_paths(run, make_photo, between) -> None:
    make_photo("a.png")
    make_photo("with space.png")
    Path("list.txt").write_text(between.join(["a.png", "with space.png", ""]))
    assert run("upscale", "--from", "list.txt", "-o", "out/", "-x", "2").code == 0
    assert {path.name for path in Path("out").iterdir()} == {"a.png", "with space.png", NAME}


def test_from_dash_takes_the_list_from_stdin(run, make_photo) -> None:
    make_photo("a.png")
    assert run("upscale", "--from", "-", "-x", "2", feed=b"# chosen\na.png\n\n").code == 0
    assert "a_x2.png" in files()


def test_results_that_exist_are_skipped_in_a_batch_so_that_a_second_run_does_the_rest(run, make_photo) -> None:
    make_photo("album/a.png")
    assert run("upscale", "album", "-x", "2").code == 0
    make_photo("album/b.png")
    outcome = run("upscale", "album", "-x", "2")
    assert outcome.code == 0
    skipped, done = outcome.out.splitlines()
    assert skipped == "skip album/a.png → a_x2.png  exists; --overwrite replaces it"
    assert done.startswith("ok   album/b.png → b_x2.png")
    assert "1 done, 1 skipped" in outcome.err
    assert files() == {"album/a.png", "album/a_x2.png", "album/b.png", "album/b_x2.png"}


def test_nothing_left_to_do_is_success(run, make_photo) -> None:
    make_photo("album/a.png")
    run("upscale", "album")
    outcome = run("upscale", "album")
    assert outcome.code == 0
    assert outcome.out.startswith("skip album/a.png")


# the machine


def test_device_is_handed_to_the_computation(run, make_photo) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "-x", "2", "--device", "cpu", "-v")
    assert outcome.code == 0
    assert "(cpu, asked for)" in outcome.err


@pytest.mark.parametrize("option", ["--threads", "--jobs"])
def test_threads_sets_how_many_compute(run, make_photo, option, monkeypatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    make_photo()
    assert run("upscale", "photo.png", "-x", "2", "--device", "cpu", option, "3").code == 0
    assert counts == [3]


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Side of the tile's core of every restorer made."""
    seen: list[int] = []
    whole = Restorer.__init__

    def spy(self: Restorer, *positional: object, **named: object) -> None:
        whole(self, *positional, **named)  # type: ignore[arg-type]
        seen.append(self.core)

    monkeypatch.setattr(Restorer, "__init__", spy)
    return seen


def test_less_memory_means_smaller_tiles(run, make_photo, cores) -> None:
    make_photo()
    for name, amount in (("a.png", "8M"), ("b.png", "1G")):
        assert run("upscale", "photo.png", "-x", "2", "--max-memory", amount, "-o", name).code == 0
    assert cores[0] < cores[1]
    assert (pixels_of("a.png") == pixels_of("b.png")).all()


def test_the_hidden_tile_option_sets_the_tile(run, make_photo, cores) -> None:
    make_photo()
    assert run("upscale", "photo.png", "-x", "2", "--tile", "20").code == 0
    assert cores == [20]
    assert "--tile" not in run("upscale", "--help").out


def test_max_megapixels_moves_the_limit(run, make_photo) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "-x", "2", "--max-megapixels", "0.001")
    assert outcome.code == 4
    assert "--max-megapixels" in outcome.err
    assert run("upscale", "photo.png", "-x", "2", "--max-megapixels", "0.002").code == 0


def test_weights_can_be_named_or_a_file(run, make_photo, tiny_file) -> None:
    make_photo()
    tiny_file("mine.safetensors", 2)
    run("upscale", "photo.png", "-x", "2", "-o", "bundled.png")
    assert run("upscale", "photo.png", "-x", "2", "--weights", "mine.safetensors", "-o", "mine.png").code == 0
    assert run("upscale", "photo.png", "-x", "2", "--weights", "upscale-x4", "-o", "x4.png").code == 0
    pictures = [pixels_of(name) for name in ("bundled.png", "mine.png", "x4.png")]
    assert all((one != other).any() for one, other in pairwise(pictures))


def test_model_size_chooses_the_network(run, make_photo) -> None:
    make_photo()
    outcome = run("upscale", "photo.png", "-x", "2", "--model-size", "base", "--json")
    assert json.loads(outcome.out)["weights"] == ["upscale-x2-base"]


# what is said


def test_json_is_one_object_per_photo_failures_and_skipped_ones_included(run, make_photo) -> None:
    make_photo("album/a.png")
    make_photo("album/c.png")
    Path("album/b.jpg").write_text("no picture")
    Path("album/c_x2.png").write_bytes(b"")
    outcome = run("upscale", "album", "-x", "2", "--json")
    assert outcome.code == 3
    rows = {row["source"]: row for row in map(json.loads, outcome.out.splitlines())}
    done, failed, skipped = rows["album/a.png"], rows["album/b.jpg"], rows["album/c.png"]
    assert (done["status"], failed["status"], skipped["status"]) == ("ok", "failed", "skipped")
    assert done["target"] == "album/a_x2.png"
    assert (done["source_width"], done["source_height"], done["width"], done["height"]) == (48, 32, 96, 64)
    assert done["scale"] == 2
    assert done["weights"] == ["upscale-x2"]
    assert done["seconds"] >= 0
    assert done["consistency_db"] > 10
    assert done["colour_drift"] >= 0
    assert (failed["error"], failed["stage"]) == ("ImageError", "read")
    assert "b.jpg" in failed["message"]


def test_dry_run_says_what_would_be_done_and_writes_nothing(run, make_photo) -> None:
    make_photo("album/a.png")
    Path("album/b.jpg").write_text("no picture")
    before = files()
    outcome = run("upscale", "album", "-x", "2", "--dry-run")
    assert outcome.code == 3
    assert outcome.out == "plan album/a.png → a_x2.png  x2 48x32 → 96x64\n"
    assert "fail album/b.jpg" in outcome.err
    assert files() == before
    planned = json.loads(run("upscale", "album/a.png", "-x", "2", "--dry-run", "--json").out)
    assert (planned["status"], planned["width"], planned["weights"]) == ("planned", 96, ["upscale-x2"])


def test_report_holds_every_photo_and_the_exit_code(run, make_photo) -> None:
    make_photo("album/a.png")
    Path("album/b.jpg").write_text("no picture")
    assert run("upscale", "album", "-x", "2", "--report", "report.json").code == 3
    report = json.loads(Path("report.json").read_text())
    assert (report["exit_code"], report["done"], report["failed"], report["skipped"]) == (3, 1, 1, 0)
    assert [photo["status"] for photo in report["photos"]] == ["ok", "failed"]
    assert report["restore"] == restore.__version__
    assert {path for path in files() if path.endswith((".json", ".part"))} == {"report.json"}


def test_a_report_is_written_even_when_the_weights_end_the_run(run, make_photo) -> None:
    make_photo("photo.png")
    assert run("upscale", "photo.png", "--weights", "upscale-x9", "--report", "report.json").code == 6
    report = json.loads(Path("report.json").read_text())
    assert (report["exit_code"], report["photos"]) == (6, [])


def test_a_report_never_takes_the_place_of_a_photo(run, make_photo) -> None:
    make_photo("photo.png")
    before = Path("photo.png").read_bytes()
    outcome = run("upscale", "photo.png", "--report", "photo.png")
    assert outcome.code == 2
    assert "ends with .json" in outcome.err
    assert Path("photo.png").read_bytes() == before


def test_quiet_leaves_failures_only(run, make_photo) -> None:
    make_photo("album/a.png")
    Path("album/b.jpg").write_text("no picture")
    outcome = run("upscale", "album", "-x", "2", "-q")
    assert outcome.out == ""
    assert outcome.err.startswith("fail album/b.jpg: ")
    assert len(outcome.err.splitlines()) == 1


def test_verbose_adds_the_device_the_files_left_alone_and_tracebacks(run, make_photo) -> None:
    make_photo("album/a.png")
    Path("album/notes.txt").write_text("not a photo")
    Path("album/b.jpg").write_text("no picture")
    plain, verbose = (run("upscale", "album", "-x", "2", "--overwrite", *words).err for words in ([], ["-v"]))
    for words in ("computing on", "left alone: album/notes.txt", "Traceback"):
        assert words not in plain
        assert words in verbose


def test_a_pipe_gets_no_progress_bar_and_no_colours(run, make_photo) -> None:
    make_photo("album/a.png")
    make_photo("album/b.png")
    outcome = run("upscale", "album", "-x", "2")
    assert "\x1b" not in outcome.out + outcome.err


# stdin and stdout


def test_a_picture_goes_through_a_pipe_with_the_talk_on_stderr(run, make_photo) -> None:
    path = make_photo("photo.png")
    outcome = run("upscale", "-", "-x", "2", "--json", feed=path.read_bytes())
    assert outcome.code == 0
    Path("out.png").write_bytes(outcome.picture)
    assert size_of("out.png") == (96, 64)
    assert json.loads(outcome.err)["width"] == 96
    assert files() == {"photo.png", "out.png"}


def test_a_file_can_go_to_stdout_and_stdin_into_a_file(run, make_photo) -> None:
    path = make_photo("photo.jpg")
    to_stdout = run("upscale", "photo.jpg", "-x", "2", "-o", "-")
    assert to_stdout.code == 0
    assert to_stdout.picture.startswith(b"\xff\xd8\xff")
    assert to_stdout.err.startswith("ok   photo.jpg → -")
    assert run("upscale", "-", "-x", "2", "-o", "piped.jpg", feed=path.read_bytes()).code == 0
    assert Path("piped.jpg").read_bytes() == to_stdout.picture


# Ctrl-C


def test_ctrl_c_leaves_whole_files_only_and_the_same_command_does_the_rest(run, make_photo, monkeypatch) -> None:
    for name in "abc":
        make_photo(f"album/{name}.png")
    whole: Callable[..., object] = Upscaler.__call__
    with monkeypatch.context() as patch:

        def pressed(self: Upscaler, photo: restore.Photo, *rest: object) -> object:
            if photo.name == "b.png":
                raise KeyboardInterrupt
            return whole(self, photo, *rest)

        patch.setattr(Upscaler, "__call__", pressed)
        outcome = run("upscale", "album", "-x", "2", "-o", "out/", "--report", "report.json")
    assert outcome.code == 130
    assert "stopped with 2 left" in outcome.err
    assert {path.name for path in Path("out").iterdir()} == {"a.png", NAME}
    assert size_of("out/a.png") == (96, 64)
    assert json.loads(Path("report.json").read_text())["exit_code"] == 130
    again = run("upscale", "album", "-x", "2", "-o", "out/")
    assert again.code == 0
    assert "2 done, 1 skipped" in again.err


def test_bfloat16_is_used_when_asked_for_and_refused_where_it_would_be_emulated(run, make_photo, monkeypatch) -> None:
    photo = make_photo()
    words = ("upscale", photo, "-x", "2", "--precision")
    monkeypatch.setattr("restore.inference.device.native_bfloat16", lambda _: True)
    assert run(*words, "float32", "-o", "exact.png").code == 0
    assert run(*words, "bfloat16", "-o", "fast.png").code == 0
    exact, fast = (np.asarray(Image.open(name), np.float32) for name in ("exact.png", "fast.png"))
    assert 0 < np.abs(exact - fast).max() < 4
    monkeypatch.setattr("restore.inference.device.native_bfloat16", lambda _: False)
    outcome = run(*words, "bfloat16", "-o", "none.png")
    assert outcome.code == 5
    assert "leave --precision out" in outcome.err
    assert not Path("none.png").exists()


def test_with_an_ensemble_it_does_not_matter_how_the_photo_lies(run, make_photo) -> None:
    photo = make_photo()
    Image.open(photo).rotate(180).save("turned.png")
    for words in ((), ("--ensemble", "2")):
        for name in (photo, Path("turned.png")):
            assert run("upscale", name, "-x", "2", *words, "-o", "out/", "--overwrite").code == 0
        upright, turned = (
            np.asarray(Image.open(Path("out", name)), np.float32) for name in ("photo.png", "turned.png")
        )
        apart = np.abs(upright - turned[::-1, ::-1]).max()
        assert apart <= 1 if words else apart > 10


def test_only_ensembles_of_known_sizes_are_taken(run, make_photo) -> None:
    outcome = run("upscale", make_photo(), "-x", "2", "--ensemble", "3", "-o", "none.png")
    assert outcome.code == 2
    assert "1, 2, 4 or 8" in outcome.err
    assert not Path("none.png").exists()
