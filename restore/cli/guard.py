"""The outermost barrier of every verb: an error becomes one line and an exit code, never a traceback unasked."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from restore.cli import exit_codes
from restore.errors import RestoreError


@contextmanager
def guarded(*, verbose: bool) -> Iterator[None]:
    """Run a verb's body; leaves by ``typer.Exit`` with the code that scripts rely on.

    ``verbose`` adds the traceback. This is the one place that catches everything: above it is only the shell.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):  # typer leaves quietly when nobody reads on
        raise
    except KeyboardInterrupt:
        _stop("stopped", exit_codes.STOPPED, verbose=False)
    except RestoreError as error:
        _stop(f"error: {error}", exit_codes.exit_code(error), verbose)
    except MemoryError:
        _stop("error: not enough memory; try --max-memory 1G, or close other programs", exit_codes.DEVICE, verbose)
    except Exception as error:  # noqa: BLE001 - a person gets one line, and the way to more
        hint = "" if verbose else "; run again with -v for the traceback"
        _stop(f"unexpected fault: {type(error).__name__}: {error}{hint}", exit_codes.FAULT, verbose)


def _stop(message: str, code: int, verbose: bool) -> None:
    if verbose:
        traceback.print_exc(file=sys.stderr)
    typer.echo(message, err=True)
    raise typer.Exit(code)
