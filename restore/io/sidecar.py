"""Recipes apart from pictures: read from whatever holds one, written as an XMP file beside a result."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, ImageError, OutputError
from restore.io.decode import open_header
from restore.io.decoded import unreadable
from restore.io.formats import PHOTO_SUFFIXES
from restore.io.metadata import metadata_of
from restore.io.recipe import Recipe, recipe_in
from restore.io.remote import Remote
from restore.io.steady import sha256_of
from restore.io.whole import write_whole

SUFFIX: Final = ".xmp"
"""Goes behind the whole name of a result: photo_x2.jpg.xmp."""


def sidecar_of(result: Path) -> Path:
    """Where the recipe of a result lies when it lies beside it.

    >>> sidecar_of(Path("out/photo_x2.jpg")).name
    'photo_x2.jpg.xmp'
    """
    return result.with_name(result.name + SUFFIX)


def read_recipe(path: Path) -> Recipe:
    """The recipe of a restored picture, or of an XMP file beside one; no pixels are decoded.

    ImageError: the file is missing, neither of the two, or holds no recipe.
    """
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise unreadable(path, fault) from fault
    if path.suffix.lower() == SUFFIX:
        xmp: bytes | None = data
    else:
        with open_header(io.BytesIO(data), str(path)) as image:
            xmp = metadata_of(image, data).xmp
    recipe = recipe_in(xmp)
    if recipe is None:
        raise ImageError(
            f"{path}: there is no recipe in it; it must be a result of restore that was written without --strip all, "
            f"or its sidecar ({SUFFIX})"
        )
    return recipe


def write_sidecar(packet: bytes, path: Path, *, overwrite: bool) -> None:
    """Write a packet, see ``io.recipe.packet_with``, as a file of its own, whole or not at all.

    OutputError: there is such a file and it must not be replaced, or the disk refuses.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: the sidecar exists already; --overwrite replaces it")
    try:
        if isinstance(path, Remote):
            path.put(packet)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [packet])
    except OSError as fault:
        raise OutputError(f"{path}: the sidecar cannot be written ({fault.strerror}); check the disk") from fault


def find_photo(recipe: Recipe, beside: Path) -> Path:
    """The photo that the recipe was made with, by its hash, in the folder of ``beside``; those of a like name first.

    ConfigError: it is not there, or the recipe does not know it.
    """
    ask = f"name the photo: restore again {beside} PHOTO"
    if recipe.input is None:
        raise ConfigError(f"{beside}: its recipe does not say which file it was made from; {ask}")
    begins = beside.name.split(".", 1)[0]
    others = [path for path in beside.parent.iterdir() if path != beside and path.suffix.lower() in PHOTO_SUFFIXES]
    for path in sorted(others, key=lambda path: (not begins.startswith(path.stem), path.name)):
        try:
            if path.is_file() and sha256_of(path) == recipe.input:
                return path
        except ImageError:  # one that cannot be read is not looked for
            continue
    raise ConfigError(f"{beside}: the photo that it was made from is not in its folder; {ask}")
