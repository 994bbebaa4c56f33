"""Comparing two pictures: figures as other libraries have them, and a page that needs nothing else."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data, metrics

from restore.errors import ConfigError, ImageError
from restore.inference import compare as module
from restore.inference.compare import Pair, compare, compare_files
from restore.inference.compare_page import MEANINGS, compare_page, figures_in_words
from restore.io.convert import photo_from_array
from restore.ops.resize import resize


def picture(height: int = 96, width: int = 128) -> np.ndarray:
    return data.astronaut()[40 : 40 + height, 150 : 150 + width].copy()


def changed(array: np.ndarray, levels: int = 12) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-levels, levels + 1, array.shape)
    return (array.astype(int) + noise).clip(0, 255).astype(np.uint8)


def enlarged(array: np.ndarray, scale: float) -> np.ndarray:
    pixels = torch.from_numpy(array).permute(2, 0, 1)[None].double()
    large = resize(pixels, round(array.shape[0] * scale), round(array.shape[1] * scale))
    return large[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def saved(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path)
    return path


class Page(HTMLParser):
    """What a browser finds: tags with their attributes, the words, and whether all tags are closed."""

    VOID = frozenset({"meta", "input", "img", "br"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.source = source
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, words: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(words)

    def all(self, name: str) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.tags if tag == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(base64.b64decode(one["src"].partition(",")[2]))) for one in self.all("img")]


@pytest.fixture
def make_pair(tmp_path: Path):
    def make(before: np.ndarray, after: np.ndarray, *, max_side: int = 2400, suffix: str = ".png") -> Pair:
        first, second = saved(tmp_path / f"first{suffix}", before), saved(tmp_path / f"second{suffix}", after)
        return compare_files(first, second, max_side=max_side)

    return make


# figures


def test_pictures_of_one_size_have_the_psnr_and_ssim_of_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = picture(), changed(picture())
    expected = metrics.structural_similarity(
        one, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    for pixels in (1 << 20, 128 * 7, 1):  # in bands, the same
        monkeypatch.setattr(module, "BAND_PX", pixels)
        figures = compare(photo_from_array(one), photo_from_array(other))
        assert figures.ssim == pytest.approx(expected, abs=1e-6)
    assert figures.agreement_db == pytest.approx(metrics.peak_signal_noise_ratio(one, other), abs=1e-4)
    means = np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1)))
    assert figures.drift == pytest.approx(means.max(), abs=1e-3)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_sizes_the_larger_is_shrunk_to_the_smaller(turned: bool) -> None:
    small = photo_from_array(picture())
    large = photo_from_array(enlarged(picture(), 2.5))
    figures = compare(large, small) if turned else compare(small, large)
    back = resize(large.pixels[None].double(), 96, 128)[0].permute(1, 2, 0).numpy()
    expected = metrics.peak_signal_noise_ratio(picture() / 255, back, data_range=1)
    assert figures.agreement_db == pytest.approx(expected, abs=1e-3)
    assert figures.ssim is None
    assert (figures.unsupported is None) == turned


def test_a_picture_and_itself_are_equal() -> None:
    figures = compare(photo_from_array(picture()), photo_from_array(picture()))
    assert (figures.agreement_db, figures.ssim, figures.drift, figures.unsupported) == (float("inf"), 1.0, 0.0, 0.0)


def test_invented_texture_is_told_from_a_faithful_enlargement() -> None:
    small, large = picture(), enlarged(picture(), 2)
    faithful = compare(photo_from_array(small), photo_from_array(large))
    invented = compare(photo_from_array(small), photo_from_array(changed(large, 25)))
    assert faithful.unsupported < 0.01
    assert invented.unsupported > 0.2


@pytest.mark.parametrize("size", [(96, 96), (128, 96), (90, 128), (192, 192)])
def test_pictures_of_different_shapes_are_refused_with_their_sizes(size: tuple[int, int], make_pair) -> None:
    with pytest.raises(ConfigError, match=rf"first\.png has 128x96 pixels and second\.png {size[1]}x{size[0]}: .*crop"):
        make_pair(picture(), data.astronaut()[: size[0], : size[1]])


@pytest.mark.parametrize("scale", [1.1, 1.37, 2.5, 3.99, 0.5, 0.33])
def test_sides_rounded_to_whole_pixels_are_still_one_shape(scale: float, make_pair) -> None:
    array = picture(61, 47)
    assert make_pair(array, enlarged(array, scale)).figures.agreement_db > 20


def test_pictures_under_a_window_have_no_ssim() -> None:
    figures = compare(photo_from_array(picture(10, 40)), photo_from_array(picture(10, 40)))
    assert figures.ssim is None


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"notes\.png"):
        compare_files(saved(tmp_path / "a.png", picture()), tmp_path / "notes.png", max_side=100)


# pictures on the page


def test_small_pictures_are_on_the_page_pixel_by_pixel(make_pair) -> None:
    pair = make_pair(picture(), changed(picture()))
    first, second = Page(compare_page("two", [pair])).pictures()
    assert np.array_equal(np.asarray(first), picture())
    assert np.array_equal(np.asarray(second), changed(picture()))


def test_large_pictures_are_jpegs_and_shrunk_to_the_limit_which_the_page_says(make_pair) -> None:
    large = enlarged(picture(240, 320), 4)
    page = Page(compare_page("two", [make_pair(picture(240, 320), large, max_side=800)]))
    first, second = page.pictures()
    assert (first.format, first.size) == ("PNG", (320, 240))
    assert (second.format, second.size) == ("JPEG", (800, 600))
    expected = resize(torch.from_numpy(large).permute(2, 0, 1)[None].double(), 600, 800)[0].permute(1, 2, 0).numpy()
    assert metrics.peak_signal_noise_ratio(expected / 255, np.asarray(second) / 255, data_range=1) > 35
    assert "1280x960 on this page 800x600" in page.text
    assert "which is 62% of the file's size" in page.text
    unshrunk = Page(compare_page("two", [make_pair(picture(), changed(picture()))])).text
    assert "on this page" not in unshrunk


def test_transparency_stays_and_shows_on_a_checkered_ground(make_pair) -> None:
    clear = np.dstack([picture(), np.full((96, 128), 255, dtype=np.uint8)])
    clear[:40, :, 3] = 100
    page = Page(compare_page("two", [make_pair(picture(), clear)]))
    second = page.pictures()[1]
    assert second.mode == "RGBA"
    assert np.array_equal(np.asarray(second)[..., 3], clear[..., 3])
    assert any("clear" in one.get("class", "").split() for one in page.all("div"))
    opaque = Page(compare_page("two", [make_pair(picture(), picture())]))
    assert not any("clear" in one.get("class", "").split() for one in opaque.all("div"))


def test_gray_and_deep_pictures_are_shown_too(tmp_path: Path) -> None:
    deep = picture()[..., 0].astype(np.uint16) * 257
    first, second = tmp_path / "deep.png", saved(tmp_path / "gray.png", picture()[..., 0])
    Image.frombytes("I;16", (128, 96), deep.tobytes()).save(first)
    pair = compare_files(first, second, max_side=2400)
    assert pair.figures.agreement_db == float("inf")
    for shown in Page(compare_page("two", [pair])).pictures():
        assert shown.mode == "L"
        assert np.array_equal(np.asarray(shown), picture()[..., 0])


# the page


def test_the_page_fetches_nothing(make_pair) -> None:
    page = Page(compare_page("two", [make_pair(picture(), changed(picture()))]))
    for tag, attrs in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "poster", "action", "data"):
            assert attrs.get(name, "data:").startswith(("data:", "#")), (tag, name)
    assert not re.search(r"url\(|@import|https?://", page.source)
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_page_tells_sizes_figures_and_what_they_mean(make_pair) -> None:
    page = Page(compare_page("first → second", [make_pair(picture(), changed(picture()))]))
    assert "Before 128x96 pixels After 128x96 pixels PSNR" in page.text
    for name in ("PSNR", "SSIM", "Colour drift", "Not from the first"):
        assert MEANINGS[name] in page.text
    assert MEANINGS["LR-PSNR"] not in page.text
    larger = Page(compare_page("two", [make_pair(picture(), enlarged(picture(), 2))]))
    assert "LR-PSNR" in larger.text
    assert "after shrunk / before" in larger.text
    assert "SSIM" not in larger.text


def test_without_a_script_there_are_two_pictures_with_their_captions_and_no_dead_controls(make_pair) -> None:
    page = Page(compare_page("two", [make_pair(picture(), enlarged(picture(), 2))]))
    assert "Before : first.png, 128x96 pixels" in page.text
    assert "After : second.png, 256x192 pixels" in page.text
    hidden = [tag for tag, attrs in page.tags if "hidden" in attrs]
    assert hidden == ["div", "span", "label"]  # the buttons, the line, the slider: shown by the script
    outside = page.source.partition("@media screen {")[0]
    assert ".js" not in outside  # so nothing is laid on anything, nor on paper


def test_a_screen_reader_is_told_what_there_is(make_pair) -> None:
    page = Page(compare_page("two", [make_pair(picture(), enlarged(picture(), 2))]))
    assert [one["alt"] for one in page.all("img")] == [
        "Before: first.png, 128 by 96 pixels",
        "After: second.png, 256 by 192 pixels",
    ]
    (slider,) = page.all("input")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "100")
    assert "before" in slider["aria-label"]
    assert "aria-valuetext" in page.source
    assert [one["aria-pressed"] for one in page.all("button")] == ["true", "false", "false"]
    assert page.all("html")[0]["lang"] == "en"
    assert "prefers-color-scheme: dark" in page.source


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    name = '<script>alert("1")</script>&\'.png'
    with_tag = tmp_path / name.replace("/", "_")
    pair = compare_files(saved(with_tag, picture()), saved(tmp_path / "b.png", picture()), max_side=100)
    page = Page(compare_page(with_tag.name, [pair, pair]))
    assert len(page.all("script")) == 1
    assert page.all("img")[0]["alt"].startswith(f"Before: {with_tag.name}, ")


def test_several_pairs_have_a_list_that_leads_to_each(make_pair) -> None:
    equal, larger = make_pair(picture(), picture()), make_pair(picture(), enlarged(picture(), 2))
    page = Page(compare_page("many", [equal, larger]))
    places = {one["id"] for one in page.all("section") if "id" in one}
    assert {one["href"] for one in page.all("a")} == {f"#{place}" for place in places} == {"#pair-0", "#pair-1"}
    assert len(page.all("img")) == 4
    assert len(page.all("table")) == 1
    single = Page(compare_page("one", [equal]))
    assert not single.all("table")


def test_a_line_of_text_has_the_figures_too(make_pair) -> None:
    words = figures_in_words(make_pair(picture(), picture()))
    assert words == ["PSNR equal", "SSIM 1.0000", "colour drift 0.0", "not from the first 0.0%"]
