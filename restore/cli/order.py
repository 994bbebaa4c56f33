"""An order, carried out: find the photos, choose the machine, walk through them, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from restore import __version__
from restore.cli.album import NO_ALBUM, Album
from restore.cli.evidence import MASK, Shown, evidence_targets
from restore.cli.far import batch_elsewhere
from restore.cli.forecast import Forecast, Sizer, forecast
from restore.cli.foretell import foretell
from restore.cli.job_report import Ended, check_report_path, is_page, write_report
from restore.cli.ledger import Ledger
from restore.cli.machine import Machine, Reads
from restore.cli.plan import STREAM, file_plan, stream_plan
from restore.cli.rows import shown, skipped_row, unchanged
from restore.cli.talk import Talk
from restore.cli.walk import Account, fail, say, walk
from restore.cli.work import Again, Filling, Mending, Work, work_for
from restore.errors import ConfigError, OutputError, RestoreError
from restore.inference.batch import Done, Failed, Skipped
from restore.inference.detect import Search
from restore.inference.device import Device
from restore.inference.masks import Masks
from restore.inference.recipe import recorded, sidecar_packet
from restore.inference.steps import Step
from restore.inference.upscale import Report, Target
from restore.inference.verbs import Fix
from restore.io.decoder import Decoder, Here
from restore.io.folder import Job, Plan
from restore.io.photo import Photo
from restore.io.sidecar import sidecar_of, write_sidecar
from restore.io.steady import read_steady
from restore.io.write import (
    WriteOptions,
    encode_photo,
    keeps_bytes,
    output_notes,
    write_copy,
    write_photo,
)
from restore.tasks import BLIND, Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which photos, and where their results go."""

    inputs: tuple[str, ...]
    output: str | None = None
    template: str
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    resume: bool = False
    """Whether photos are passed over that the journal of the folder knows to be done."""

    def __post_init__(self) -> None:
        if not self.inputs:
            raise ConfigError("no photo was given; name files or folders, or --from LIST")
        if STREAM in self.inputs and len(self.inputs) > 1:
            raise ConfigError("- (a picture from stdin) cannot be mixed with other inputs")
        if self.output == STREAM and len(self.inputs) > 1:
            raise ConfigError("stdout takes one picture; give -o FOLDER/ for several inputs")

    @property
    def to_stdout(self) -> bool:
        """Whether the result is written to stdout."""
        return self.output == STREAM or (self.output is None and self.inputs == (STREAM,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How much may be invented, and whether the result must agree with the photo; None is as usual."""

    detail: float | None = None
    project: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that was asked for."""

    where: Where
    target: Target = field(default_factory=Target)
    condition: Condition = BLIND
    """A part that is None is judged for each photo."""
    look: Look = field(default_factory=Look)
    fix: Fix = field(default_factory=Fix)
    """What is done to a photo at its own size."""
    masks: Masks = field(default_factory=Masks)
    """Where it is done."""
    filling: Filling | None = None
    """Of the task inpaint alone."""
    search: Search | None = None
    """Of the work "mask" alone."""
    mending: Mending | None = None
    """Of the work "repair" alone."""
    again: Again | None = None
    """Of the work "again" alone."""
    steps: tuple[Step, ...] = ()
    """What is done one after the other, if the task is to take steps."""
    writing: WriteOptions
    machine: Machine
    task: str = "upscale"
    """A row of ``cli.work``: a task of its weights, or "steps"."""
    what: str | None = None
    """What stands for the work in the names of results; None: the enlargement."""
    evidence: str | None = None
    """File or folder for pictures of what the photos do not support, see ``cli.evidence``."""
    dry_run: bool = False
    report: Path | None = None


def carry_out(order: Order, talk: Talk) -> int:
    """Do it; gives the exit code. Raises what stops the whole run, after the report is written."""
    if order.report is not None:
        check_report_path(order.report)
    with order.machine.reads() as reads:
        return _carry_out(order, talk, reads)


def _carry_out(order: Order, talk: Talk, reads: Reads) -> int:
    streams = STREAM in (*order.where.inputs, order.where.output)
    plan = stream_plan(order) if streams else file_plan(order, reads)
    if not plan.jobs and not plan.skipped:
        names = ", ".join(shown(name) for name in order.where.inputs)
        talk.warn(f"error: no pictures found in {names}; other files there: {len(plan.ignored)} (-v names them)")
    for path in plan.ignored:
        talk.detail(f"left alone: {shown(path)}")
    pictures = _pictures(order, plan.jobs)
    account = Account(planned=len(plan.jobs) + len(plan.skipped) + len(plan.clashing))
    with Album(len(plan.jobs) if is_page(order.report) else 0) as album:
        try:
            _go(plan, order, account, talk, pictures=pictures, album=album, reads=reads)
        except KeyboardInterrupt:
            account.stopped = True
            raise
        except RestoreError as error:
            account.broken_by = error
            raise
        finally:
            if order.report is not None:
                write_report(order.report, Ended(order, account, album))
    if len(account.rows) + len(account.before) > 1:
        talk.note(account.summary)
    return account.code


def _go(
    plan: Plan, order: Order, account: Account, talk: Talk, *, pictures: Mapping[Path, Path], album: Album, reads: Reads
) -> None:
    """Through the plan, with its journal; what becomes of the photos is in ``account``, also when it ends early."""
    for job, reason in plan.clashing:
        fail(Failed(job, OutputError(reason), "write"), account, talk)
    with Ledger(order, plan, talk) as ledger:
        ledger.sort(pictures)
        account.before = ledger.left.before
        for job, reason in ledger.left.skipped:
            say(skipped_row(Skipped(job, reason)), account, talk)
        if ledger.left.todo:
            reader = reads.of(len(ledger.left.todo) if order.machine.engine == "local" else 1)
            device = order.machine.chosen(talk)
            account.device = device.name
            work = work_for(order, device)
            if order.dry_run:
                foretell(ledger.left.todo, work, order, account, talk, size=reader.size)
            ahead = _forecast(ledger, work, device, talk, size=reader.size)
            if not order.dry_run:
                ledger.begin()
                restore_left(
                    ledger, work, order, account, talk, pictures=pictures, ahead=ahead, album=album, reader=reader
                )


def _pictures(order: Order, jobs: Sequence[Job]) -> Mapping[Path, Path]:
    """Where the pictures beside the results go, if any were asked for."""
    overwrite = order.writing.overwrite or order.where.resume  # those of an earlier run are there
    if (masked := order.filling or order.mending) is not None:
        return evidence_targets(masked.save_mask, jobs, MASK, overwrite=overwrite)
    return evidence_targets(order.evidence, jobs, overwrite=overwrite)


def _forecast(ledger: Ledger, work: Work, device: Device, talk: Talk, *, size: Sizer) -> Forecast | None:
    """How much there is to do, said before a batch; None for a single photo."""
    jobs = ledger.left.todo
    if len(jobs) < 2:
        return None
    folder = ledger.plan.folder or jobs[0].target.parent
    speeds = ledger.speeds if ledger.order.machine.engine == "local" else ()  # how many work at once is not known yet
    ahead = forecast(jobs, work.plan, device=str(device.torch), folder=folder, speeds=speeds, size=size)
    talk.note(ahead.words)
    ahead.start()
    return ahead


def restore_left(
    ledger: Ledger,
    work: Work,
    order: Order,
    account: Account,
    talk: Talk,
    *,
    pictures: Mapping[Path, Path],
    ahead: Forecast | None = None,
    album: Album = NO_ALBUM,
    reader: Decoder | Here | None = None,
    stays: bool = False,
) -> None:
    """Through what the ledger has left to do, which must not be nothing; a ``reader`` that is given may stay open.

    WeightsError is raised.
    """
    jobs = ledger.left.todo
    target = jobs[0].target if len(jobs) == 1 and jobs[0].target != Path(STREAM) else None
    origins = {job.target: job.source for job in jobs}
    sources: dict[Path, Path | bytes] = dict(origins)
    batch = batch_elsewhere(order, ledger, account, talk, pictures=pictures, album=album, ahead=ahead)
    reader = reader or order.machine.reader(1 if batch else len(jobs))

    def read(path: Path) -> Photo:
        if path != Path(STREAM):
            photo = read_steady(path, max_megapixels=order.machine.max_megapixels, read=reader.read)
            ledger.read(path, photo)
        else:
            sources[jobs[0].target] = data = sys.stdin.buffer.read()
            photo = reader.read(data, max_megapixels=order.machine.max_megapixels, hashed=True)
        album.before(path, photo)
        return photo

    def restore(photo: Photo, progress: Callable[[float], None]) -> tuple[Shown, Report]:
        result, report, draw = work.restore(photo, progress)
        picture = draw() if pictures else None
        noted = replace(report, notes=(*report.notes, *output_notes(result, order.writing, target)))
        same = unchanged(report)
        beside = sidecar_packet(result, report, __version__) if order.writing.sidecar and not same else None
        if not same and order.writing.strip != "all":
            result, unrecorded = recorded(result, report, __version__)
            noted = replace(noted, notes=(*noted.notes, *unrecorded))
        return Shown(result, picture, same, beside), noted

    def write(made: Shown, path: Path) -> None:
        overwrite = ledger.overwrites(path)
        album.after(origins[path], path, made.photo, unchanged=made.unchanged)
        _write_beside(made, path, pictures, overwrite=overwrite or order.where.resume)
        named = None if path == Path(STREAM) else path
        whole = sources[path] if made.unchanged and keeps_bytes(made.photo, named, order.writing) else None
        if named is None:
            whole = whole.read_bytes() if isinstance(whole, Path) else whole
            sys.stdout.buffer.write(encode_photo(made.photo, order.writing)[0] if whole is None else whole)
            sys.stdout.buffer.flush()
        elif whole is not None:
            size = (made.photo.height, made.photo.width)
            write_copy(whole, named, size, overwrite=overwrite, sealed=ledger.sealed(named))
        else:
            options = replace(order.writing, overwrite=overwrite)
            write_photo(made.photo, named, options, sealed=ledger.sealed(named))

    def told(outcome: Done | Failed) -> None:
        ledger.tell(outcome)
        album.tell(outcome)
        if ahead is not None and isinstance(outcome, Done):
            ahead.tell(outcome, talk)

    def refused(job: Job, reason: str) -> None:
        say(skipped_row(Skipped(job, reason)), account, talk)

    turns, again = ledger.mine(refused), "the same command"
    again += " with --resume" if ledger.plan.folder and not order.where.resume else ""
    walk(
        turns,
        restore,
        account,
        talk,
        total=len(jobs),
        read=read,
        write=write,
        told=told,
        again=again,
        call_off=reader.call_off if stays else reader.close,
        batch=batch,
    )


def _write_beside(made: Shown, path: Path, pictures: Mapping[Path, Path], *, overwrite: bool) -> None:
    """What lies beside a result, and is written first: where that fails, there is no result either."""
    if made.evidence is not None:
        write_photo(made.evidence, pictures[path], WriteOptions(overwrite=overwrite))
    if made.sidecar is not None and path != Path(STREAM):
        write_sidecar(made.sidecar, sidecar_of(path), overwrite=overwrite)
