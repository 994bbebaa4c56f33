"""Options that several verbs share, each with its one meaning."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

SIZE_PANEL: Final = "How large"
REPAIR_PANEL: Final = "What is wrong with the photo"
DETAIL_PANEL: Final = "How much is invented"
STRENGTH_PANEL: Final = "How much is changed, and where"
FILE_PANEL: Final = "The written file"
CHOICE_PANEL: Final = "Which photos"
MACHINE_PANEL: Final = "The machine"
TALK_PANEL: Final = "What is said"


class StripWord(StrEnum):
    """What is left out of a written file."""

    NONE = "none"
    GPS = "gps"
    ALL = "all"


class EngineWord(StrEnum):
    """Who does the photos."""

    LOCAL = "local"
    RAY = "ray"


class ModelSize(StrEnum):
    """Shape of the network."""

    LIGHT = "light"
    FAST = "fast"
    BASE = "base"


Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH...", help="Photos, folders or patterns; - reads a picture from stdin."),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="OUT", help="File, or folder (ends with /, exists, or several inputs); - is stdout."
    ),
]
Noise = Annotated[
    str | None,
    typer.Option(
        metavar="auto|0..50",
        help="Noise in grey levels; auto: measured in the photo.",
        rich_help_panel=REPAIR_PANEL,
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        min=0,
        max=100,
        metavar="0..100",
        help="0: unchanged, 100: all of it. In between fine gray grain comes back first, coloured blotches last.",
        rich_help_panel=STRENGTH_PANEL,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|DIR",
        help="Work where this picture is white, leave what is black. A folder holds one per photo, by name.",
        rich_help_panel=STRENGTH_PANEL,
    ),
]
Protect = Annotated[
    Path | None,
    typer.Option(metavar="FILE|DIR", help="Leave alone what is white in this picture.", rich_help_panel=STRENGTH_PANEL),
]
Grain = Annotated[
    float,
    typer.Option(
        min=0,
        max=50,
        metavar="0..50",
        help="Add gray grain of so many grey levels, as coarse as what was taken out.",
        rich_help_panel=STRENGTH_PANEL,
    ),
]
Regrain = Annotated[
    float | None,
    typer.Option(
        "--regrain",
        min=0,
        max=100,
        metavar="0..100",
        help="How much of the grain around them fillings get, so that they do not look smooth. Default: 25.",
        rich_help_panel="What is filled",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Of the grain. Default: by the photo.", rich_help_panel=STRENGTH_PANEL),
]
Detail = Annotated[
    float | None,
    typer.Option(
        "--detail",
        min=0,
        max=100,
        metavar="0..100",
        help="Texture that the photo does not hold: 0 none, 100 most; 25 if left out.",
        rich_help_panel=DETAIL_PANEL,
    ),
]
Evidence = Annotated[
    str | None,
    typer.Option(
        "--evidence",
        metavar="FILE.png|DIR/",
        help="Draw where the result shows what its photo does not support: the result in grey, that in colour.",
        rich_help_panel=DETAIL_PANEL,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="jpg, png, tif, webp, avif ... Default: as the input.",
        rich_help_panel=FILE_PANEL,
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(min=1, max=100, help="Of a lossy file. Default: like the input's.", rich_help_panel=FILE_PANEL),
]
Depth = Annotated[
    int | None,
    typer.Option(metavar="8|16", help="Bits per channel. Default: as the input.", rich_help_panel=FILE_PANEL),
]
Strip = Annotated[StripWord, typer.Option(help="Metadata to leave out.", rich_help_panel=FILE_PANEL)]
Template = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        help="Name of a result beside its photo: {stem}, {what}, {ext}.",
        rich_help_panel=FILE_PANEL,
    ),
]
Sidecar = Annotated[
    bool,
    typer.Option(
        "--sidecar",
        help="Write what was done beside each result too, as photo_x2.jpg.xmp; restore again repeats it.",
        rich_help_panel=FILE_PANEL,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.", rich_help_panel=FILE_PANEL)]
Recursive = Annotated[
    bool,
    typer.Option("--recursive/--no-recursive", "-r", help="Folders within folders too.", rich_help_panel=CHOICE_PANEL),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN", help="In folders, only names like this; may be repeated.", rich_help_panel=CHOICE_PANEL
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN", help="In folders, no names like this; may be repeated.", rich_help_panel=CHOICE_PANEL
    ),
]
FromList = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="LIST",
        help="File with one path a line (or NUL between them); - is stdin.",
        rich_help_panel=CHOICE_PANEL,
    ),
]
DeviceName = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:n]|mps", help="What computes.", rich_help_panel=MACHINE_PANEL)
]


class PrecisionWord(StrEnum):
    """Arithmetic of the network."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


Precision = Annotated[
    PrecisionWord,
    typer.Option(
        "--precision",
        help="bfloat16: up to twice as fast on processors that compute it, and within 3 grey levels. auto: float32 on "
        "a CPU, so that all computers agree.",
        rich_help_panel=MACHINE_PANEL,
    ),
]
Ensemble = Annotated[
    int,
    typer.Option(
        "--ensemble",
        metavar="1|2|4|8",
        help="Show the network each photo turned and mirrored in so many ways and take the mean: closer to the truth, "
        "and so many times as slow.",
        rich_help_panel=MACHINE_PANEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", "--jobs", min=1, help="CPU threads. Default: all cores.", rich_help_panel=MACHINE_PANEL),
]
Engine = Annotated[
    EngineWord,
    typer.Option(help="local: this computer. ray: the workers of a Ray cluster.", rich_help_panel=MACHINE_PANEL),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="auto|HOST:PORT",
        help="Of the cluster. Default: RAY_ADDRESS, else workers on this computer.",
        rich_help_panel=MACHINE_PANEL,
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT", help="For the working tiles, like 2G or 500M.", rich_help_panel=MACHINE_PANEL),
]
MaxMegapixels = Annotated[
    float, typer.Option(min=0.001, help="Larger pictures are refused unopened.", rich_help_panel=MACHINE_PANEL)
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="TIME|off",
        help="Give a photo up that takes longer to be read; of several, 5m if left out.",
        rich_help_panel=MACHINE_PANEL,
    ),
]
Tile = Annotated[int | None, typer.Option(min=1, hidden=True, help="Side of a tile's core in input pixels.")]
WeightsName = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME|FILE",
        help="Network to use instead of the bundled ones.",
        rich_help_panel=MACHINE_PANEL,
    ),
]
Size = Annotated[
    ModelSize, typer.Option("--model-size", help="The network's shape; light: to clean.", rich_help_panel=MACHINE_PANEL)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object per photo on stdout.", rich_help_panel=TALK_PANEL)
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done; write nothing.", rich_help_panel=TALK_PANEL)
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a job that was cut off: done photos stay, changed ones are done again.",
        rich_help_panel=CHOICE_PANEL,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html|json|jsonl|csv",
        help="Write what became of every photo; .html shows them before and after.",
        rich_help_panel=TALK_PANEL,
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Failures only.", rich_help_panel=TALK_PANEL)]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="More, and tracebacks.", rich_help_panel=TALK_PANEL)]
