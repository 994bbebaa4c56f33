"""A small folder of photos of every kind, broken ones among them: all that is promised of a batch holds."""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import signal
import time
from collections import Counter
from multiprocessing.context import ForkServerContext
from pathlib import Path

import mixed_folder
import pytest
import torch
from kill_job import ended, forkserver
from mixed_files import BROKEN, WHOLE, Item, build
from mixed_folder import ALBUM, OUT, Ran, Try, Verdicts
from PIL import Image
from torch import nn

from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork processes"
)
COUNT = 30


class Forked(Try):
    """The same command in processes that have loaded everything, so that a run takes seconds."""

    server: ForkServerContext

    def run(self, *words: str, kill_after_s: float | None = None) -> Ran:
        script = self.folder / f"{time.monotonic_ns()}.py"
        log = script.with_suffix(".log")
        script.write_text(
            f"import os, sys\nos.chdir({str(self.folder)!r})\nos.environ['NO_COLOR'] = '1'\n"
            f"sys.stdout = sys.stderr = open({str(log)!r}, 'w', buffering=1, encoding='utf-8')\n"
            f"from restore.__main__ import main\nsys.argv = {['restore', *words]!r}\nmain()\n"
        )
        began = time.perf_counter()
        child = self.server.Process(target=runpy.run_path, args=(str(script),))
        child.start()
        code = ended(child) if kill_after_s is None else ended(child, kill_after_s)
        if code is None:
            os.kill(child.pid or 0, signal.SIGKILL)
            code = ended(child)
        said = [(0.0, line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
        assert code is not None
        return Ran(code, time.perf_counter() - began, said)


def tiny_cleaner(path: Path) -> Path:
    torch.manual_seed(0)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name="tiny", task="clean", scale=1, size="own", generator=shape))
    return path


@pytest.mark.slow
def test_a_mixed_folder_comes_to_its_end_is_resumed_and_told(tmp_path: Path) -> None:
    weights = tiny_cleaner(tmp_path / "tiny.safetensors")
    items = build(tmp_path / "job" / ALBUM, COUNT, 0, [])
    Forked.server = forkserver()
    trial = Forked(tmp_path / "job", items, ("--device", "cpu", "--threads", "1", "--weights", str(weights)))
    verdicts, times = mixed_folder.tried(trial, kills=2, seed=0)
    assert verdicts.faults == []
    assert len(verdicts.rows) == 8
    assert all(seconds > 0 for name, seconds in times if name.startswith(("looking", "beside")))


def test_the_folder_is_the_same_for_the_same_seed_and_has_every_kind(tmp_path: Path) -> None:
    count = len(WHOLE) * 5
    items = build(tmp_path / "a", count, 1, [])
    assert mixed_folder.files_of(tmp_path / "a").keys() == {item.place for item in items}
    again = build(tmp_path / "b", count, 1, [])
    assert again == items
    one, other = (
        {place: told for place, (told, _) in mixed_folder.files_of(tmp_path / name).items()} for name in ("a", "b")
    )
    assert one == other
    kinds = Counter(item.kind for item in items)
    assert WHOLE.keys() <= kinds.keys()
    assert sum(kinds[kind] for kind in BROKEN) == count / 5


def test_what_is_lost_wrong_or_left_over_is_a_fault(tmp_path: Path) -> None:
    items = [Item("a.jpg", "jpeg", "result"), Item("b.jpg", "jpeg", "result"), Item("c.jpg", "text", "refused")]
    (tmp_path / OUT).mkdir()
    for name in ("a.jpg", "z.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / OUT / name, "PNG")
    rows = [
        {"status": "ok", "source": "album/a.jpg", "target": "out/a.jpg"},
        {"status": "failed", "source": "album/b.jpg", "target": "out/b.jpg", "message": "no reason"},
    ]
    verdicts = Verdicts()
    ran = Ran(0, 1.0, [(0.5, json.dumps(row)) for row in rows])
    assert mixed_folder.check_first(Try(tmp_path, items), ran, verdicts) == {"a.jpg": "out/a.jpg"}
    assert verdicts.faults[0].startswith("the exit code is 0, not 3")
    assert [fault.split(": ")[:2] for fault in verdicts.faults[1:]] == [
        ["'c.jpg'", "has no row"],
        ["'b.jpg' (jpeg)", "failed, no reason"],
        ["'out/z.jpg'", "is there and nobody's"],
        ["'out/a.jpg'", "holds PNG"],
    ]


def test_a_line_that_is_missing_says_nothing_or_is_a_traceback_is_a_fault() -> None:
    said = ("fail album/x.jpg: it is broken", "fail album/y.jpg: it is broken; copy it again", "Traceback (most recent")
    verdicts = Verdicts()
    mixed_folder.check_lines(Ran(3, 1.0, [(0.0, line) for line in said]), {"x.jpg", "z.jpg"}, verdicts)
    assert [fault.split(": ")[:2] for fault in verdicts.faults] == [
        ["'x.jpg'", "not said what to do"],
        ["'z.jpg'", "0 lines"],
        ["it says ['Traceback (most recent']"],
    ]
