"""``restore doctor``: what was found, whether it computes right, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from torch import Tensor

from restore.cli.exit_codes import DEVICE, DONE, WEIGHTS
from restore.errors import DeviceError
from restore.inference import doctor, golden
from restore.inference.device import choose_device
from restore.inference.restorer import Restorer
from restore.models.build import build_generator, generator_config
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, load_tensors_of, read_card, save_weights
from restore.ops.prefill import prefill
from restore.ops.resize import resize
from restore.tasks import find_task


@pytest.fixture(autouse=True)
def untrained(run, tmp_path_factory, monkeypatch) -> Path:
    """A package whose network has learnt nothing yet: it enlarges exactly as bicubic does."""
    folder = tmp_path_factory.mktemp("package")
    shape = GeneratorConfig(widths=(8, 8), encoder=(0,), middle=1, decoder=(0,), head=2)
    card = Card(name="upscale-x2", task="upscale", scale=2, size="fast", generator=shape)
    save_weights(folder / "upscale-x2.safetensors", UNet(shape).state_dict(), card)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


def findings(run) -> tuple[int, dict[str, list[dict[str, str]]]]:
    outcome = run("doctor", "--json")
    by_area: dict[str, list[dict[str, str]]] = {}
    for finding in map(json.loads, outcome.out.splitlines()):
        by_area.setdefault(finding["area"], []).append(finding)
    return outcome.code, by_area


def test_a_healthy_installation_names_versions_devices_weights_and_passes(run) -> None:
    outcome = run("doctor")
    assert outcome.code == DONE
    assert f"torch {version('torch')}" in outcome.out
    assert "cpu: " in outcome.out
    assert "GB free" in outcome.out
    assert "upscale-x2 (fast), sha256 " in outcome.out
    assert "upscale-x2 on cpu: " in outcome.out
    assert outcome.out.endswith("all is well\n")


def test_json_holds_a_finding_a_line(run) -> None:
    code, found = findings(run)
    assert code == DONE
    assert {"versions", "formats", "memory", "device", "weights", "golden"} == found.keys()


def test_the_hash_shown_is_that_of_the_card(run, untrained) -> None:
    shown = json.loads(run("models", "info", "upscale-x2", "--json").out)["sha256"]
    _, found = findings(run)
    assert shown[:16] in found["weights"][0]["text"]


def test_damaged_weights_are_named_and_not_run(run, untrained) -> None:
    path = untrained / "upscale-x2.safetensors"
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    code, found = findings(run)
    assert code == WEIGHTS
    assert "hash" in found["weights"][0]["text"]
    assert found["weights"][0]["cure"] == "reinstall restore"
    assert "golden" not in found


@pytest.fixture
def detail(untrained) -> Path:
    """Detail weights beside the untrained network: results worse than without the network, but still the picture."""
    fidelity = read_card(untrained / "upscale-x2.safetensors")
    tensors = load_tensors_of(fidelity)
    rng = torch.Generator().manual_seed(0)
    tensors["head.weight"] += 0.004 * torch.randn(tensors["head.weight"].shape, generator=rng)
    path = untrained / "upscale-x2-detail.safetensors"
    save_weights(path, tensors, replace(fidelity.card, name="upscale-x2-detail"))
    return path


def test_detail_weights_may_invent_and_the_installation_is_still_well(run, detail) -> None:
    code, found = findings(run)
    assert code == DONE
    assert any("upscale-x2-detail (fast, blends with upscale-x2)" in finding["text"] for finding in found["weights"])
    decibels = dict(re.match(r"(\S+) on cpu: ([\d.]+) dB", finding["text"]).groups() for finding in found["golden"])
    assert float(decibels["upscale-x2-detail"]) < float(decibels["upscale-x2"]) - 0.1


@pytest.mark.parametrize("way", ["alone", "another shape", "trained apart", "nonsense"])
def test_detail_weights_that_do_not_fit_their_partner_are_found(run, untrained, detail, way) -> None:
    fidelity = read_card(untrained / "upscale-x2.safetensors")
    if way == "alone":
        fidelity.path.unlink()
    elif way == "another shape":
        shape = replace(fidelity.card.generator, middle=2)
        save_weights(
            detail, UNet(shape).state_dict(), replace(fidelity.card, name="upscale-x2-detail", generator=shape)
        )
    else:
        tensors = {name: -tensor for name, tensor in load_tensors_of(fidelity).items()}
        if way == "nonsense":
            tensors = load_tensors_of(fidelity) | {"head.bias": torch.full_like(tensors["head.bias"], torch.nan)}
        save_weights(detail, tensors, replace(fidelity.card, name="upscale-x2-detail"))
    code, found = findings(run)
    assert code == (DEVICE if way == "nonsense" else WEIGHTS)
    area = "golden" if way == "nonsense" else "weights"
    assert [finding["state"] for finding in found[area]].count("fail") == 1


def test_a_package_without_weights_is_not_well(run, untrained) -> None:
    (untrained / "upscale-x2.safetensors").unlink()
    code, found = findings(run)
    assert code == WEIGHTS
    assert "no weights" in found["weights"][0]["text"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda result: result * torch.nan, "not finite"),
        (torch.zeros_like, "not the picture that went in"),
        (lambda result: result + 2 / 255, "drift"),
        (lambda result: resize(resize(result, 24, 24), 96, 96), "worse than without the network"),
    ],
)
def test_a_device_that_computes_nonsense_is_found(run, monkeypatch, spoil, words) -> None:
    whole = Restorer.restore
    monkeypatch.setattr(Restorer, "restore", lambda *given: spoil(whole(*given)))
    code, found = findings(run)
    assert code == DEVICE
    assert words in found["golden"][0]["text"]
    assert found["golden"][0]["cure"]


def test_a_device_that_disagrees_with_the_cpu_is_found(monkeypatch, untrained) -> None:
    from restore.models.weights import bundled_weights

    devices = [choose_device("cpu"), choose_device("cpu")]
    whole = Restorer.restore

    def second_differs(self: Restorer, image: Tensor, *rest: object) -> Tensor:
        result = whole(self, image, *rest)  # type: ignore[arg-type]
        if self.device is not devices[1]:
            return result
        wrong = result.clone()
        wrong[..., 10, 10] += 0.05
        return wrong

    monkeypatch.setattr(Restorer, "restore", second_differs)
    (weights,) = bundled_weights()
    first, second = doctor.golden(weights, devices)
    assert (first.state, second.state) == ("ok", "fail")
    assert "differs from the CPU's by 12.8 grey levels" in second.text  # 0.05 of 255


def test_a_device_without_memory_for_a_small_picture_is_found(run, monkeypatch) -> None:
    def burst(*_: object) -> None:
        raise DeviceError("not enough memory even for one tile")

    monkeypatch.setattr(Restorer, "restore", burst)
    code, found = findings(run)
    assert code == DEVICE
    assert "not enough memory" in found["golden"][0]["text"]


def bundle(folder: Path, task: str) -> None:
    """Put an untrained network of that task into the package."""
    row = find_task(task)
    config = generator_config(
        "fast",
        scale=1,
        condition_channels=row.condition_channels,
        residual=row.faithful,
        masked=row.masked,
        detects=row.detects,
    )
    card = Card(name=task, task=task, scale=1, size="fast", generator=config)
    save_weights(folder / f"{task}.safetensors", build_generator(config).state_dict(), card)


def golden_of(found: dict[str, list[dict[str, str]]], name: str) -> dict[str, str]:
    return next(finding for finding in found["golden"] if finding["text"].startswith(f"{name} on cpu: "))


def test_a_network_that_fills_is_well_if_it_leaves_the_smooth_filling(run, untrained) -> None:
    bundle(untrained, "inpaint")
    code, found = findings(run)
    assert code == DONE
    said = golden_of(found, "inpaint")["text"]
    assert re.fullmatch(r"inpaint on cpu: [\d.]+ dB in the holes of the golden picture", said)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda result, hole: result + torch.nan * hole, "not finite"),
        (lambda result, hole: result + 0.001 * (1 - hole), "outside the holes have changed"),
        (lambda result, hole: torch.where(hole > 0, 0.5, result), "worse than without the network"),
    ],
)
def test_a_device_that_fills_holes_with_nonsense_is_found(run, untrained, monkeypatch, spoil, words) -> None:
    bundle(untrained, "inpaint")
    whole = Restorer.fill
    monkeypatch.setattr(Restorer, "fill", lambda self, smooth, hole: spoil(whole(self, smooth, hole), hole))
    code, found = findings(run)
    assert code == DEVICE
    assert words in golden_of(found, "inpaint")["text"]
    assert golden_of(found, "inpaint")["state"] == "fail"
    assert golden_of(found, "upscale-x2")["state"] == "ok"


def detector(on: float, off: float, clean: float) -> Callable[[Restorer, Tensor], Tensor]:
    """A stand-in for a network that is so sure, in logits, of a scratch, what lies off it, and a clean picture."""
    whole = Restorer.restore

    def restore(self: Restorer, image: Tensor, *rest: object) -> Tensor:
        if self.card.task != "scratch":
            return whole(self, image, *rest)  # type: ignore[arg-type]
        side = image.shape[-1]
        scratch = (image - golden.golden_picture(side)).abs().amax(dim=1, keepdim=True) > 0
        return torch.where(scratch, on, off if bool(scratch.any()) else clean)

    return restore


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        ((3.0, -4.0, -4.0), ""),
        ((-3.0, -4.0, -4.0), "a scratch is not found"),
        ((3.0, 0.0, -4.0), "damage is seen where there is none"),
        ((3.0, -4.0, 0.0), "damage is seen where there is none"),
        ((torch.nan, -4.0, -4.0), "not finite"),
    ],
)
def test_what_finds_damage_must_be_sure_of_a_scratch_and_of_nothing_else(
    run, untrained, monkeypatch, logits, words
) -> None:
    bundle(untrained, "scratch")
    monkeypatch.setattr(Restorer, "restore", detector(*logits))
    code, found = findings(run)
    finding = golden_of(found, "scratch")
    assert (code, finding["state"]) == ((DEVICE, "fail") if words else (DONE, "ok"))
    assert (words or "95% sure of the golden scratch") in finding["text"]  # 1 / (1 + exp(-3))


def test_a_network_that_finds_damage_and_has_learnt_nothing_is_not_well(run, untrained) -> None:
    bundle(untrained, "scratch")
    code, found = findings(run)
    assert code == DEVICE
    assert golden_of(found, "scratch")["state"] == "fail"


def test_the_golden_holes_and_scratch_are_a_small_part_of_the_picture_and_hide_something() -> None:
    truth, hole, scratch = golden.golden_picture(96), golden.golden_holes(96), golden.golden_scratch(128)
    assert set(hole.unique().tolist()) == set(scratch.unique().tolist()) == {0.0, 1.0}
    assert 0.02 < hole.mean() < 0.15
    assert 0.01 < scratch.mean() < 0.05
    smooth = prefill(truth * (1 - hole), hole)
    assert golden.decibels(smooth, truth) < 40  # better can be asked for
    assert golden.fault_of_filling(truth, smooth, truth, hole) == ""


def test_bicubic_itself_is_no_fault_and_anything_worse_is() -> None:
    truth = golden.golden_picture(96)
    source = resize(truth, 48, 48).clamp(0, 1)
    bicubic = resize(source, 96, 96)
    assert golden.fault_of(truth, source, truth) == ""
    assert golden.fault_of(bicubic, source, truth) == ""
    checks = torch.ones(1, 1, 96, 96)
    checks[..., ::2, ::2] = checks[..., 1::2, 1::2] = -1
    assert "worse than without the network" in golden.fault_of(bicubic + 0.05 * checks, source, truth)


def test_the_golden_picture_is_colourful_and_within_range() -> None:
    picture = golden.golden_picture(64)
    assert picture.shape == (1, 3, 64, 64)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert picture.std(dim=(2, 3)).min() > 0.05
    assert (picture[:, 0] - picture[:, 2]).abs().max() > 0.3


def test_decibels_follow_their_definition() -> None:
    assert golden.decibels(torch.full((1, 3, 4, 4), 0.6), torch.full((1, 3, 4, 4), 0.5)) == pytest.approx(20, abs=1e-4)


@pytest.mark.parametrize(("free", "state"), [(None, "note"), (100 << 20, "note"), (8 << 30, "ok")])
def test_little_memory_is_worth_a_note(run, monkeypatch, free, state) -> None:
    monkeypatch.setattr(doctor, "free_memory", lambda: free)
    code, found = findings(run)
    assert code == DONE
    assert found["memory"][0]["state"] == state
    assert bool(found["memory"][0]["cure"]) == (state == "note")


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux says how much memory is free")
def test_free_memory_is_less_than_there_is() -> None:
    total = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line)
    free = doctor.free_memory()
    assert free is not None
    assert 0 < free <= total * 1024


def test_a_missing_package_and_heif_are_told_with_the_line_that_installs_them(run, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    code, found = findings(run)
    assert code == DEVICE
    assert found["versions"][0]["cure"] == "pip install no-such-package"
    assert 'pip install "restore-photos[heif]"' in found["formats"][0]["cure"]
