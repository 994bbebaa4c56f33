"""The command starts quickly, says what it is, and knows its verbs."""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import restore
from restore.cli.app import VERBS, app, main
from restore.io.journal import NAME

HEAVY = ("torch", "cv2", "PIL", "numpy")
CHECKOUT = Path(__file__).parents[2]


def python(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=folder, check=False, timeout=120
    )


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["upscale", "--help"], ["train", "--help"]])
def test_help_loads_neither_torch_nor_an_image_library(words) -> None:
    code = (
        "import sys\nfrom restore.cli.app import app\n"
        f"try:\n    app({words!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\nassert not loaded, loaded"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_loads_neither_torch_nor_an_image_library() -> None:
    done = python("-c", f"import sys, restore; assert not [name for name in {HEAVY!r} if name in sys.modules]")
    assert done.returncode == 0, done.stderr


def test_version_is_that_of_the_package() -> None:
    assert python("-m", "restore", "--version").stdout == f"restore {restore.__version__}\n"


def test_the_launcher_of_a_checkout_is_the_command() -> None:
    done = python(str(CHECKOUT / "cli.py"), "--version", folder=CHECKOUT)
    assert done.stdout == f"restore {restore.__version__}\n"


def test_help_names_every_verb(run) -> None:
    text = run("--help").out
    for verb in (*VERBS, "models"):
        assert re.search(rf"^│ {verb} ", text, re.MULTILINE)


def test_without_a_word_the_help_is_shown(run) -> None:
    outcome = run()
    assert "upscale" in outcome.out + outcome.err


def test_a_mistyped_verb_gets_a_hint(run) -> None:
    outcome = run("upscael", "photo")
    assert outcome.code == 2
    assert "Did you mean 'upscale'?" in outcome.err


@pytest.mark.parametrize("word", ["photo.jpg", "album/", "photo"])
def test_a_photo_without_a_verb_is_meant_for_auto(word, monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo").write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["restore", word, "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "restore auto album/ -o out/" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["upscale", "models"])
def test_a_folder_with_the_name_of_a_verb_does_not_hide_it(verb, monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    Path(verb).mkdir()
    monkeypatch.setattr(sys, "argv", ["restore", verb, "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


def test_the_module_runs_the_command(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["restore", "--version"])
    with pytest.raises(SystemExit):
        runpy.run_module("restore", run_name="__main__")
    assert capsys.readouterr().out == f"restore {restore.__version__}\n"


def test_a_name_that_the_terminal_cannot_show_is_no_reason_to_fail(run, make_photo, tiny_weights, tmp_path) -> None:
    make_photo("bär.png")
    code = (
        "import sys\nfrom pathlib import Path\nimport restore.models.weights as weights\n"
        "from restore.cli.app import main\n"
        f"weights._bundled_folder = lambda: Path({str(tiny_weights)!r})\n"
        "sys.argv = ['restore', 'upscale', 'bär.png', '-x', '2']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"b\xe4r.png \u2192 b\xe4r_x2.png" in done.stdout


def test_a_reader_that_goes_away_is_no_fault(tiny_weights) -> None:
    code = (
        "from pathlib import Path\nimport restore.models.weights as weights\n"
        f"weights._bundled_folder = lambda: Path({str(tiny_weights)!r})\n"
        "from restore.cli.app import app\napp(['models', 'list', '--json'])"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait(60) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to a child")
def test_a_real_ctrl_c_in_the_middle_leaves_no_half_file(run, make_photo, tiny_weights, tmp_path) -> None:
    for name in ("a.png", "b.png"):
        make_photo(f"album/{name}")
    code = (
        "import signal, sys, time\nfrom pathlib import Path\nimport restore.models.weights as weights\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a test run in the background ignores it
        "from restore.cli.app import main\nfrom restore.inference.upscale import Upscaler\n"
        f"weights._bundled_folder = lambda: Path({str(tiny_weights)!r})\n"
        "whole = Upscaler.__call__\n"
        "def slow(self, photo, *rest):\n"
        "    if photo.name == 'b.png':\n"
        "        Path('ready').touch()\n"
        "        time.sleep(60)\n"
        "    return whole(self, photo, *rest)\n"
        "Upscaler.__call__ = slow\nsys.argv = ['restore', 'upscale', 'album', '-x', '2', '-o', 'out/']\nmain()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and child.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "stopped with 1 left" in said
    assert "Traceback" not in said
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", NAME}


def test_every_option_of_every_verb_has_a_line_of_help() -> None:
    from typer.main import get_command

    def options(command: object) -> list[tuple[str, object]]:
        inner = getattr(command, "commands", {})
        own = [(f"{getattr(command, 'name', '')} {one.name}", one) for one in getattr(command, "params", [])]
        return own + [found for each in inner.values() for found in options(each)]

    silent = [name for name, option in options(get_command(app)) if not getattr(option, "help", None)]
    assert silent == []
