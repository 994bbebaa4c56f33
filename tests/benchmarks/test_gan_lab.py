"""The GAN lab: every variant has the property that its paper claims, and the harness runs, pairs and judges."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import gan_lab
import numpy as np
import pytest
import torch
from lab import holes, layers, networks, pictures, probe, upscale
from lab.bench import Bench, mean_psnr, set_up
from lab.variants import UNCONDITIONAL, VARIANTS, with_baselines
from lab.verdict import judge
from scipy import stats
from torch import nn
from torch.nn import functional as F

from restore.io.convert import photo_from_array
from restore.io.write import WriteOptions, write_photo
from restore.models.unet import GeneratorConfig, UNet

SMALL = GeneratorConfig(
    widths=(8, 16), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=1, residual=True
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn photos, just large enough."""
    folder = tmp_path_factory.mktemp("drawn")
    for number in range(2):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        write_photo(
            photo_from_array(coarse.repeat(8, axis=0).repeat(8, axis=1)), folder / f"{number}.png", WriteOptions()
        )
    return folder


@pytest.fixture(scope="module")
def bench(photos: Path) -> Bench:
    return set_up(photos, photos, photos=2, crops=4, share=0.001)


def test_the_harness_runs_a_change_with_its_baseline_once_and_prints_the_pair(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gan_lab", "--hq", str(photos), "--val", str(photos), "-o", str(tmp_path), "--crops", "4"]
    words += ["--steps-share", "0.0075", "--seeds", "2", "--threads", str(torch.get_num_threads())]
    words += ["--only", "attention"]
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", words)
        gan_lab.main()
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(line["name"], line["seed"]) for line in lines] == [
        ("holes", 0), ("attention", 0), ("holes", 1), ("attention", 1)
    ]  # fmt: skip
    assert "| attention: self-attention at the bottleneck | SAGAN | holes | hole_psnr |" in capsys.readouterr().out


def test_every_change_is_compared_with_a_row_of_the_table() -> None:
    for name, variant in VARIANTS.items():
        assert variant.baseline is None or variant.baseline in VARIANTS
        assert variant.figure.worth > 0
        assert with_baselines([name])[-1] == name
    assert with_baselines(["shared trunk"]) == ["three networks", "three narrow networks", "shared trunk"]


@pytest.mark.parametrize(
    "name",
    [
        "wasserstein", "no EMA", "spectral norm in G", "DCGAN start of D", "consistency", "two scales", "from scratch",
        "probe", "growing patches", "batch norm in G", "coarse to fine", "code, recovered", "shared trunk",
        "noise told",
    ],
)  # fmt: skip
def test_a_variant_runs_and_gives_the_figure_that_decides_about_it(bench: Bench, name: str) -> None:
    bench.lpips = None  # its backbone is not everywhere
    figures = VARIANTS[name].run(bench, 0)
    assert all(np.isfinite(value) for value in figures.values())
    assert VARIANTS[name].figure.name in figures or "swd" in figures


def test_verdicts_agree_with_a_paired_t_test_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for count in (2, 3, 5):
        for shift in (-0.3, 0.0, 0.3):
            differences = shift + 0.1 * rng.standard_normal(count)
            told = judge(list(differences), higher=True, worth=0.05)
            assert told.mean == pytest.approx(differences.mean())
            assert told.error == pytest.approx(stats.sem(differences))
            sure = stats.ttest_1samp(differences, 0.0).pvalue < 0.05
            assert (told.word == "helps") == (sure and differences.mean() >= 0.05)
            assert (told.word == "hurts") == (sure and differences.mean() < 0)


def test_one_seed_decides_nothing() -> None:
    assert judge([5.0], higher=True, worth=0.1).word == "not decided"


def test_attention_starts_as_nothing_and_then_feels_the_farthest_pixel() -> None:
    torch.manual_seed(0)
    layer = layers.SelfAttention(16)
    picture = torch.randn(1, 16, 12, 12)
    poked = picture.clone()
    poked[..., 0, 0] += 1
    assert torch.equal(layer(picture), picture)
    nn.init.ones_(layer.gate)
    assert (layer(poked) - layer(picture))[..., -1, -1].abs().max() > 1e-5


def test_attention_is_part_of_the_network_that_it_is_added_to() -> None:
    network = layers.add_attention(UNet(SMALL))
    assert isinstance(network.middle[-1], layers.SelfAttention)
    assert network(torch.rand(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)).shape == (1, 3, 16, 16)


def test_spectral_norm_bounds_every_convolution_but_the_head() -> None:
    torch.manual_seed(0)
    network = UNet(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(10)
    layers.add_spectral_norm(network)
    for _ in range(30):
        network(torch.rand(1, 3, 16, 16), torch.zeros(1, 1, 16, 16))
    norms = [
        float(torch.linalg.matrix_norm(module.weight.detach().flatten(1), ord=2))
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and module is not network.head
    ]
    assert len(norms) == 9  # stem, three blocks of two, down, up
    assert max(norms) < 1.02
    assert not network.head.weight.any()


def test_orthogonality_is_zero_for_orthogonal_filters_and_counts_equal_ones() -> None:
    layer = nn.Conv2d(1, 3, 2)
    nn.init.orthogonal_(layer.weight)
    assert layers.orthogonality(layer).item() == pytest.approx(0, abs=1e-10)
    with torch.no_grad():
        layer.weight[1] = layer.weight[0]
    assert layers.orthogonality(layer).item() == pytest.approx(2.0, rel=1e-5)


def test_dcgan_starts_every_convolution_at_the_papers_deviation() -> None:
    torch.manual_seed(0)
    network = layers.start_as_dcgan(UNet(SMALL))
    weights = torch.cat([module.weight.flatten() for module in network.modules() if isinstance(module, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)


def test_batch_norm_in_a_block_makes_a_pixel_depend_on_the_rest_of_the_batch() -> None:
    torch.manual_seed(0)
    network = UNet(upscale.SHAPE)
    nn.init.normal_(network.head.weight, 0.0, 0.1)
    normed = layers.add_batch_norm(upscale.untrained(0, None))
    nn.init.normal_(normed.head.weight, 0.0, 0.1)
    batch, none = torch.rand(2, 3, 8, 8), torch.zeros(1, 0, 1, 1)
    other = torch.cat([batch[:1], batch[1:] * 0.1])
    assert torch.allclose(network(batch, none)[0], network(other, none)[0], atol=1e-6)
    assert (normed(batch, none)[0] - normed(other, none)[0]).abs().max() > 1e-4


def test_the_coarse_picture_has_a_quarter_of_the_size_and_teaches_the_encoder() -> None:
    torch.manual_seed(0)
    network = networks.CoarseAndFine(holes.shape())
    photo, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    fine, coarse = network.both(photo, mask)
    assert torch.equal(fine, network(photo, mask))
    assert coarse.shape == (1, 3, 8, 8)
    coarse.sum().backward()
    gradient = network.fine.stem.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_a_shared_trunk_is_one_trunk_with_own_stems_and_heads() -> None:
    torch.manual_seed(0)
    own, other = UNet(SMALL), UNet(SMALL)
    both = networks.share_trunk([own, other])
    assert own.middle is other.middle
    assert own.stem is not other.stem
    assert own.head is not other.head
    alone = sum(parameter.numel() for parameter in UNet(SMALL).parameters())
    ends = sum(parameter.numel() for end in (own.stem, own.head) for parameter in end.parameters())
    assert sum(parameter.numel() for parameter in both.parameters()) == alone + ends


def test_a_code_changes_the_fill_and_its_recovery_teaches_the_generator() -> None:
    torch.manual_seed(0)
    network, reader = UNet(holes.shape(1 + holes.CODE_SIZE)), networks.Recovery(holes.CODE_SIZE)
    nn.init.normal_(network.head.weight, 0.0, 0.1)
    photo, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    condition = torch.cat([mask, torch.ones(1, holes.CODE_SIZE, 32, 32)], dim=1)
    flipped = torch.cat([mask, -torch.ones(1, holes.CODE_SIZE, 32, 32)], dim=1)
    fill = network(photo, condition)
    assert (fill - network(photo, flipped)).abs().max() > 1e-4
    F.binary_cross_entropy_with_logits(reader(fill, mask), torch.ones(1, holes.CODE_SIZE)).backward()
    gradient = network.stem.weight.grad
    assert gradient is not None
    assert gradient[:, -holes.CODE_SIZE * 4 :].abs().max() > 0  # the code's channels behind the unshuffle


def test_a_recovery_head_learns_to_read_what_is_written_in_the_hole_alone() -> None:
    torch.manual_seed(0)
    reader = networks.Recovery(1)
    mask = torch.zeros(8, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1
    sign = torch.tensor([0.0, 1.0]).repeat(4)[:, None]
    fill = 0.5 + 0.3 * (2 * sign - 1)[..., None, None] * torch.ones(8, 3, 8, 8)
    optimizer = torch.optim.Adam(reader.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(reader(fill, mask), sign).backward()
        optimizer.step()
    assert torch.equal((reader(fill, mask) > 0).float(), sign)
    assert torch.equal(reader(fill, mask), reader(fill * mask, mask))


def test_an_unconditional_discriminator_has_no_place_for_the_input(bench: Bench) -> None:
    end = upscale.play(bench, 0, UNCONDITIONAL)
    first = end.discriminator.bodies[0].stages[0]  # type: ignore[index,union-attr]
    assert first.in_channels == 3
    assert "adversarial/gap" in end.told


def test_an_orthogonal_penalty_makes_the_generators_filters_less_alike(bench: Bench) -> None:
    at_once = replace(upscale.GAME, warmup_steps=0, ramp_steps=0)
    plain, pulled = (
        upscale.play(bench, 0, upscale.Game(name="", config=at_once, penalty=penalty, pixels_first=False))
        for penalty in (None, lambda network: 100 * layers.orthogonality(network))
    )
    assert layers.orthogonality(pulled.raw) < layers.orthogonality(plain.raw)


def test_a_run_depends_on_its_seed_alone(bench: Bench) -> None:
    first = upscale.pixel_figures(bench, 3)
    bench.forget()
    torch.manual_seed(99)
    assert upscale.pixel_figures(bench, 3) == first


def test_holes_have_the_asked_size_and_leave_the_rest_of_the_photo_alone() -> None:
    mask = pictures.boxes(20, 64, torch.Generator().manual_seed(0), least_px=24, most_px=40)
    heights, widths = mask.amax(dim=3).sum(dim=2), mask.amax(dim=2).sum(dim=2)
    assert min(heights.min(), widths.min()) >= 24
    assert max(heights.max(), widths.max()) <= 40
    photo = torch.rand(20, 3, 64, 64)
    holed = pictures.with_hole(photo, mask)
    assert torch.equal(holed * (1 - mask), photo * (1 - mask))
    assert torch.all(holed[mask.expand_as(holed) > 0] == pictures.GREY)


def test_psnr_in_a_hole_does_not_see_what_is_outside() -> None:
    truth, mask = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    restored = torch.full_like(truth, 1.0)
    restored[..., :4] = 0.1
    assert mean_psnr(restored, truth, mask) == pytest.approx(20.0, abs=1e-4)


def test_a_linear_probe_names_what_the_features_separate_and_guesses_the_rest() -> None:
    rng = torch.Generator().manual_seed(0)
    kinds = torch.arange(4).repeat_interleave(50)
    noise = torch.randn(200, 6, generator=rng)
    told = F.one_hot(kinds, 6).float() * 10 + noise
    assert probe.accuracy(told, kinds, told, kinds) == 1.0
    assert probe.accuracy(noise, kinds, torch.randn(200, 6, generator=rng), kinds) < 0.45


def test_each_damage_spoils_and_a_clean_patch_stays() -> None:
    photo = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).mul(255).round().div(255)
    for kind in pictures.DAMAGES:
        spoiled = pictures.damaged(photo, kind, torch.Generator().manual_seed(0))
        assert spoiled.shape == photo.shape
        assert torch.allclose(spoiled, photo, atol=1e-6) == (kind == "clean")
