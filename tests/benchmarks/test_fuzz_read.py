"""Damaged files of every kind: a photo or a clean refusal, never another exception."""

from __future__ import annotations

import fuzz_read
import pytest


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return fuzz_read.seeds()


def test_undamaged_pictures_of_every_kind_are_read(pictures) -> None:
    assert {name: fuzz_read.fate(file) for name, file in pictures.items()} == dict.fromkeys(pictures, "photo")


def test_300_damaged_files_give_a_photo_or_a_clean_refusal(pictures) -> None:
    fates = {number: fuzz_read.fate(file) for number, _, file in fuzz_read.mutants(pictures, 300, seed=6)}
    faults = {number: said for number, said in fates.items() if said not in ("photo", "refused")}
    assert faults == {}
    assert {"photo", "refused"} == set(fates.values())  # the damage is neither too small nor too large to tell anything


def test_another_exception_is_told(monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(fuzz_read, "read_photo", fail)
    assert "ZeroDivisionError: a bug" in fuzz_read.fate(b"")


def test_the_same_seed_gives_the_same_files(pictures) -> None:
    once, again = (list(fuzz_read.mutants(pictures, 40, seed=1)) for _ in range(2))
    assert once == again
    assert once != list(fuzz_read.mutants(pictures, 40, seed=2))
