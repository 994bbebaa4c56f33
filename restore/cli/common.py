"""What all verbs over photos have in common: the options for files, machine and talk, written down once.

A verb is written with its own options alone and says what is to be done as an Order; ``over_photos`` adds the rest to
its signature, which is what typer reads, and carries the order out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import typer

from restore.cli import options as opt
from restore.cli.guard import guarded
from restore.cli.words import parse_memory, parse_timeout, read_list

if TYPE_CHECKING:
    from restore.cli.machine import Machine
    from restore.cli.order import Order, Where
    from restore.io.write import WriteOptions

FIRST: Final = ("paths", "output")
"""Options that stand before the verb's own in its help."""
BESIDE: Final = ("weights", "model_size")
"""Options that only some verbs have, but that stand among the shared ones, after ``tile``: panels keep their order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that every verb over photos has, in the order of its help; a field is the option of that name."""

    paths: opt.Paths = None
    output: opt.Output = None
    image_format: opt.Format = None
    quality: opt.Quality = None
    depth: opt.Depth = None
    strip: opt.Strip = opt.StripWord.NONE
    template: opt.Template = "{stem}_{what}{ext}"
    sidecar: opt.Sidecar = False
    overwrite: opt.Overwrite = False
    recursive: opt.Recursive = True
    include: opt.Include = None
    exclude: opt.Exclude = None
    from_list: opt.FromList = None
    resume: opt.Resume = False
    device: opt.DeviceName = "auto"
    threads: opt.Threads = None
    precision: opt.Precision = opt.PrecisionWord.AUTO
    ensemble: opt.Ensemble = 1
    engine: opt.Engine = opt.EngineWord.LOCAL
    ray_address: opt.RayAddress = None
    max_memory: opt.MaxMemory = None
    max_megapixels: opt.MaxMegapixels = 200.0
    timeout: opt.Timeout = None
    tile: opt.Tile = None
    as_json: opt.AsJson = False
    dry_run: opt.DryRun = False
    report: opt.ReportFile = None
    quiet: opt.Quiet = False
    verbose: opt.Verbose = False

    @property
    def where(self) -> Where:
        """Which photos, and where their results go; ConfigError or ImageError when that cannot be."""
        from restore.cli.order import Where
        from restore.io.address import shown_address

        words = (*(self.paths or ()), *(read_list(self.from_list) if self.from_list else ()))
        return Where(
            inputs=tuple(map(shown_address, words)),
            output=None if self.output is None else shown_address(self.output),
            template=self.template,
            recursive=self.recursive,
            include=tuple(self.include or ()),
            exclude=tuple(self.exclude or ()),
            resume=self.resume,
        )

    @property
    def writing(self) -> WriteOptions:
        """How results are written; ConfigError when that cannot be."""
        from restore.io.write import WriteOptions

        return WriteOptions(
            format=self.image_format,
            quality=self.quality,
            depth=self.depth,
            strip=self.strip.value,
            overwrite=self.overwrite,
            sidecar=self.sidecar,
        )

    def machine(self, weights: Sequence[str] = (), size: opt.ModelSize = opt.ModelSize.FAST) -> Machine:
        """What computes, with which weights; ConfigError when that cannot be."""
        from restore.cli.machine import Machine

        return Machine(
            device=self.device,
            threads=self.threads,
            precision=self.precision.value,
            ensemble=self.ensemble,
            engine=self.engine.value,
            ray_address=self.ray_address,
            max_memory=None if self.max_memory is None else parse_memory(self.max_memory),
            max_megapixels=self.max_megapixels,
            apart=self.timeout is not None,
            **({} if self.timeout is None else {"timeout_s": parse_timeout(self.timeout)}),
            tile=self.tile,
            weights=tuple(weights),
            size=size.value,
        )


def over_photos(verb: Callable[..., Order]) -> Callable[..., None]:
    """A command with the options of ``verb`` (after its first parameter, the Asked) and those that all have.

    The command builds the order within the guard of every verb, carries it out, and ends with its exit code.
    """
    own = list(inspect.signature(verb).parameters.values())[1:]
    hints = get_type_hints(verb, localns={"Order": object}, include_extras=True)
    parameters = _in_order(_shared(), [one.replace(annotation=hints[one.name]) for one in own])

    def command(**values: Any) -> None:
        with guarded(verbose=values["verbose"]):
            from restore.cli.order import carry_out
            from restore.cli.talk import Talk

            asked = Asked(**{field.name: values.pop(field.name) for field in fields(Asked)})
            order = verb(asked, **values)
            talk = Talk(
                quiet=asked.quiet,
                verbose=asked.verbose,
                as_json=asked.as_json,
                picture_on_stdout=order.where.to_stdout,
            )
            if code := carry_out(order, talk):
                raise typer.Exit(code)

    command.__name__, command.__doc__, command.__module__ = verb.__name__, verb.__doc__, verb.__module__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


@lru_cache(maxsize=1)
def _shared() -> list[inspect.Parameter]:
    """The fields of Asked as parameters; the same for every verb."""
    hints = get_type_hints(Asked, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(Asked)
    ]


def _in_order(shared: list[inspect.Parameter], own: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """The parameters as the help lists them."""
    beside = [one for one in own if one.name in BESIDE]
    after = 1 + [one.name for one in shared].index("tile")
    return [
        *shared[: len(FIRST)],
        *(one for one in own if one.name not in BESIDE),
        *shared[len(FIRST) : after],
        *beside,
        *shared[after:],
    ]
