"""The plan of a run: every target is settled, and none is a danger to a photo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from restore.errors import ConfigError, ImageError, OutputError
from restore.io.folder import Job, Plan, plan_jobs


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; the planner looks at names only, so files may be empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(name.encode())


def plan(*inputs: str, output: str | None = None, **options: object) -> Plan:
    return plan_jobs(inputs, output=output, what="x4", **options)  # type: ignore[arg-type]


def pairs(found: Plan) -> dict[str, str]:
    return {job.source.as_posix(): job.target.as_posix() for job in found.jobs}


def test_without_output_the_result_stands_beside_its_photo(here: Path) -> None:
    files("a.jpg", "deep/b.PNG")
    assert pairs(plan("a.jpg")) == {"a.jpg": "a_x4.jpg"}
    assert pairs(plan("deep/b.PNG")) == {"deep/b.PNG": "deep/b_x4.PNG"}
    assert pairs(plan("a.jpg", template="{what}-{stem}{ext}")) == {"a.jpg": "x4-a.jpg"}
    assert pairs(plan("a.jpg", template="{stem} large")) == {"a.jpg": "a large.jpg"}
    assert pairs(plan("a.jpg", format="png")) == {"a.jpg": "a_x4.png"}


def test_a_gif_becomes_a_png_and_a_name_without_suffix_too(here: Path) -> None:
    files("a.gif", "scan")
    assert pairs(plan("a.gif", "scan")) == {"a.gif": "a_x4.png", "scan": "scan_x4.png"}


def test_output_names_a_file_or_a_folder(here: Path) -> None:
    files("a.jpg", "b.jpg", "there/x.txt")
    assert pairs(plan("a.jpg", output="large.png")) == {"a.jpg": "large.png"}
    assert pairs(plan("a.jpg", output="new/")) == {"a.jpg": "new/a.jpg"}
    assert pairs(plan("a.jpg", output="there")) == {"a.jpg": "there/a.jpg"}
    assert pairs(plan("a.jpg", "b.jpg", output="new")) == {"a.jpg": "new/a.jpg", "b.jpg": "new/b.jpg"}
    with pytest.raises(OutputError, match="end it with /"):
        plan("a.jpg", output="new")
    with pytest.raises(OutputError, match=r"name it large\.png"):
        plan("a.jpg", output="large.jpg", format="png")
    with pytest.raises(OutputError, match=r"name it moving\.png"):
        plan("a.jpg", output="moving.gif")
    with pytest.raises(OutputError, match="this is a file"):
        plan("a.jpg", "b.jpg", output="there/x.txt")


def test_a_folder_is_walked_and_its_tree_mirrored(here: Path) -> None:
    files("album/a.jpg", "album/1998/b.tif", "album/1998/07/c.webp", "album/Thumbs.db", "album/notes.txt")
    found = plan("album", output="out/")
    assert pairs(found) == {
        "album/a.jpg": "out/a.jpg",
        "album/1998/b.tif": "out/1998/b.tif",
        "album/1998/07/c.webp": "out/1998/07/c.webp",
    }
    assert {path.name for path in found.ignored} == {"Thumbs.db", "notes.txt"}
    assert pairs(plan("album/", output="out", format="jpg"))["album/1998/b.tif"] == "out/1998/b.jpg"
    assert pairs(plan("album", recursive=False)) == {"album/a.jpg": "album/a_x4.jpg"}


def test_hidden_and_system_files_are_passed_by(here: Path) -> None:
    files("album/.a.jpg", "album/.cache/b.jpg", "album/@eaDir/c.jpg", "album/__MACOSX/d.jpg", "album/e.jpg")
    assert list(pairs(plan("album"))) == ["album/e.jpg"]
    assert list(pairs(plan("album/**/*.jpg"))) == ["album/e.jpg"]


def test_own_outputs_are_no_input_but_others_of_that_name_are(here: Path) -> None:
    files("album/a.jpg", "album/a_x4.jpg", "album/a_x2.png", "album/a_3000px.jpg", "album/tank_x4.jpg", "album/b_x.jpg")
    found = plan("album")
    assert list(pairs(found)) == ["album/b_x.jpg", "album/tank_x4.jpg"]
    assert [job.source.name for job in found.skipped] == ["a.jpg"]
    assert {path.name for path in found.ignored} == {"a_x4.jpg", "a_x2.png", "a_3000px.jpg"}
    assert pairs(plan("album/a_x4.jpg")) == {"album/a_x4.jpg": "album/a_x4_x4.jpg"}  # asked for by name
    expanded = plan("album/a.jpg", "album/a_x2.png", "album/b_x.jpg", output="out")  # as a shell does with *
    assert list(pairs(expanded)) == ["album/a.jpg", "album/b_x.jpg"]


def test_patterns_find_what_they_say_below_their_fixed_part(here: Path) -> None:
    files("album/a.jpg", "album/b.png", "album/sub/c.jpg", "album/d_[1].jpg", "album/readme.txt")
    assert pairs(plan("album/*.jpg", output="out")) == {"album/a.jpg": "out/a.jpg", "album/d_[1].jpg": "out/d_[1].jpg"}
    assert pairs(plan("album/**/c.jpg", output="out")) == {"album/sub/c.jpg": "out/sub/c.jpg"}
    assert pairs(plan("album/d_[1].jpg")) == {"album/d_[1].jpg": "album/d_[1]_x4.jpg"}
    assert len(plan("album/*").jobs) == 4
    assert [path.name for path in plan("album/*").ignored] == ["readme.txt"]
    with pytest.raises(ImageError, match="no file matches"):
        plan("album/*.webp")


def test_include_and_exclude_choose_by_name_or_place(here: Path) -> None:
    files("album/a.jpg", "album/B.JPG", "album/raw/c.jpg", "album/raw/d.png")
    assert list(pairs(plan("album", include=["*.jpg"]))) == ["album/B.JPG", "album/a.jpg", "album/raw/c.jpg"]
    assert list(pairs(plan("album", exclude=["raw/*"]))) == ["album/B.JPG", "album/a.jpg"]
    assert list(pairs(plan("album", exclude=["raw"]))) == ["album/B.JPG", "album/a.jpg"]
    assert list(pairs(plan("album", include=["raw/*"], exclude=["*.png"]))) == ["album/raw/c.jpg"]


def test_several_folders_keep_their_names_apart(here: Path) -> None:
    files("one/a.jpg", "two/a.jpg")
    assert pairs(plan("one", "two", output="out")) == {"one/a.jpg": "out/one/a.jpg", "two/a.jpg": "out/two/a.jpg"}


def test_a_photo_named_twice_is_done_once(here: Path) -> None:
    files("album/a.jpg")
    assert list(pairs(plan("album/a.jpg", "album", "album/../album/a.jpg"))) == ["album/a.jpg"]


def test_an_existing_result_refuses_a_single_photo_and_skips_in_a_batch(here: Path) -> None:
    files("a.jpg", "b.jpg", "a_x4.jpg")
    with pytest.raises(OutputError, match="--overwrite"):
        plan("a.jpg")
    batch = plan("a.jpg", "b.jpg")
    assert batch.skipped == (Job(Path("a.jpg"), Path("a_x4.jpg")),)
    assert pairs(batch) == {"b.jpg": "b_x4.jpg"}
    assert pairs(plan("a.jpg", overwrite=True)) == {"a.jpg": "a_x4.jpg"}
    assert not plan("a.jpg", "b.jpg", overwrite=True).skipped


def test_two_photos_never_share_a_target(here: Path) -> None:
    files("album/a.jpg", "album/a.png", "album/a.gif")
    assert pairs(plan("album", output="out", exclude=["*.gif"])) == {
        "album/a.jpg": "out/a.jpg",
        "album/a.png": "out/a.png",
    }
    for options in ({"format": "png", "exclude": ["*.gif"]}, {"format": "png", "exclude": ["*.jpg"]}):
        with pytest.raises(OutputError, match="would both become") as caught:
            plan("album", output="out", **options)
        assert "album/a.png" in str(caught.value)
        assert "--exclude" in str(caught.value)


def test_a_gif_whose_name_as_a_png_is_taken_is_its_own_trouble_and_not_the_folders(here: Path) -> None:
    files("album/a.gif", "album/a.png", "album/b.gif", "album/sub/a.gif")
    for output in ("out", None):
        found = plan("album", output=output)
        assert {job.source.as_posix() for job in found.jobs} == {"album/a.png", "album/b.gif", "album/sub/a.gif"}
        ((job, reason),) = found.clashing
        assert job.source == Path("album/a.gif")
        assert "album/a.png and album/a.gif would both become" in reason
        assert "rename one, or leave it out with --exclude" in reason


def test_of_several_folders_with_one_name_nothing_is_chosen_silently(here: Path) -> None:
    files("one/album/a.gif", "two/album/a.png")
    with pytest.raises(OutputError, match="would both become"):
        plan("one/album", "two/album", output="out")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_no_photo_and_nobody_waits_for_it(here: Path) -> None:
    files("album/a.jpg")
    os.mkfifo("album/b.jpg")
    Path("album/c.jpg").symlink_to("b.jpg")
    Path("album/d.jpg").symlink_to("gone.jpg")
    found = plan("album", output="out")
    assert pairs(found) == {"album/a.jpg": "out/a.jpg", "album/d.jpg": "out/d.jpg"}  # the last fails when it is read
    assert found.ignored == (Path("album/b.jpg"), Path("album/c.jpg"))


@pytest.mark.skipif(os.name != "posix", reason="links need rights on this system")
def test_a_link_to_itself_does_not_end_the_plan(here: Path) -> None:
    files("album/a.jpg", "album/out/x.jpg")
    for name in ("b.jpg", "c.jpg"):
        Path("album", name).symlink_to("b.jpg")
    Path("album/d.jpg").symlink_to("a.jpg")  # a photo that is there already
    expected = {f"album/{name}.jpg": f"out/{name}.jpg" for name in "abc"}
    assert pairs(plan("album", output="out", exclude=["out"])) == expected
    assert pairs(plan("album/*.jpg", output="album/out")).keys() == expected.keys()


def test_a_photo_is_never_its_own_result(here: Path) -> None:
    files("album/a.jpg", "album/b.jpg")
    for word, output in (
        ("album/a.jpg", "album/a.jpg"),
        ("album/a.jpg", "album"),
        ("album", "album/"),
        ("album", "album/../album"),
    ):
        with pytest.raises(OutputError, match="would replace the photo"):
            plan(word, output=output, overwrite=True)


def test_not_even_through_links_of_either_kind(here: Path) -> None:
    files("album/a.jpg", "out/x.txt")
    Path("out/a.jpg").symlink_to(Path("album/a.jpg").resolve())
    with pytest.raises(OutputError, match="would replace the photo"):
        plan("album/a.jpg", output="out/", overwrite=True)
    Path("out/a.jpg").unlink()
    os.link("album/a.jpg", "out/a.jpg")
    with pytest.raises(OutputError, match="would replace the photo"):
        plan("album/a.jpg", output="out/", overwrite=True)
    Path("linked").symlink_to("album")
    with pytest.raises(OutputError, match="would replace the photo"):
        plan("album", output="linked/", overwrite=True)


def test_a_result_never_replaces_another_photo_of_the_run(here: Path) -> None:
    files("a.jpg", "b.jpg")
    Path("out").mkdir()
    os.link("b.jpg", "out/a.jpg")
    with pytest.raises(OutputError, match=r"would replace the photo b\.jpg"):
        plan("a.jpg", "b.jpg", output="out", overwrite=True)


def test_results_inside_the_folder_are_not_read_again(here: Path) -> None:
    files("album/a.jpg", "album/out/a.jpg", "album/out/old.jpg")
    assert pairs(plan("album", output="album/out", overwrite=True)) == {"album/a.jpg": "album/out/a.jpg"}
    assert pairs(plan("album/**/*", output="album/out", overwrite=True)) == {"album/a.jpg": "album/out/a.jpg"}


def test_an_empty_folder_gives_an_empty_plan(here: Path) -> None:
    Path("empty").mkdir()
    assert plan("empty") == Plan(())


def test_what_is_missing_is_named(here: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: there is no such file"):
        plan("gone.jpg")
    files("a.jpg")
    with pytest.raises(ImageError, match="gone"):
        plan("a.jpg", "gone")
    with pytest.raises(ImageError, match="cannot be reached"):
        plan("a" * 5000)
    with pytest.raises(ConfigError, match="no photo given"):
        plan()


def test_a_folder_that_cannot_be_opened_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files("album/a.jpg", "album/locked/b.jpg")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(ImageError, match=r"album/locked: this folder cannot be opened \(Permission denied\)"):
        plan("album")
    assert list(pairs(plan("album", exclude=["locked"]))) == ["album/a.jpg"]


@pytest.mark.parametrize("template", ["same{ext}", "{stem}{nothing}", "up/{stem}{ext}", "{stem", "{stem}{0}"])
def test_templates_that_cannot_name_a_file_are_refused(template: str, here: Path) -> None:
    files("a.jpg")
    with pytest.raises(ConfigError, match="--name"):
        plan("a.jpg", template=template)


def test_an_unknown_format_lists_the_known_ones(here: Path) -> None:
    files("a.jpg")
    with pytest.raises(ConfigError, match="known: jpg, png, tif"):
        plan("a.jpg", format="psd")


def test_photos_come_in_the_order_given_and_sorted_inside_folders(here: Path) -> None:
    files("z.jpg", "album/b.jpg", "album/a.jpg", "album/sub/a.jpg")
    assert list(pairs(plan("z.jpg", "album"))) == ["z.jpg", "album/a.jpg", "album/b.jpg", "album/sub/a.jpg"]
