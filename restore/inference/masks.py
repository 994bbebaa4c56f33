"""Masks in files: which part of a photo is worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.io.formats import PHOTO_SUFFIXES
from restore.io.photo import Photo
from restore.io.read import photo_size, read_photo
from restore.ops.area import area_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """One rule: what is white in ``mask`` is worked on, and what is white in ``protect`` is not; grey is in between.

    Each is a picture of the photo's size, or a folder with such a picture under each photo's name (any suffix). What is
    transparent in a mask is black. Raises ImageError when there is no such file or folder.
    """

    mask: Path | None = None
    protect: Path | None = None

    def __post_init__(self) -> None:
        for option, path in self._named:
            if not path.exists():
                raise ImageError(f"{option} {path}: there is no such file or folder; check the name")

    def check(self, height: int, width: int) -> None:
        """ConfigError when a mask that is for every photo has another size than (height, width)."""
        for option, path in self._named:
            if path.is_file():
                check_size(f"{option} {path}", photo_size(path), (height, width))

    def area(self, photo: Photo) -> Tensor | None:
        """(1,1,H,W) in [0,1]: how much each pixel of the photo is worked on; None without masks.

        ConfigError for a mask of another size, ImageError for one that is missing or no picture.
        """
        area: Tensor | None = None
        for option, path in self._named:
            found = mask_for(photo, option, path) if path.is_dir() else path
            mask = read_photo(found)
            check_size(f"{option} {found}", (mask.height, mask.width), (photo.height, photo.width))
            own = white_of(mask)
            part = 1 - own if option == "--protect" else own
            area = part if area is None else area * part
        return area

    @property
    def _named(self) -> tuple[tuple[str, Path], ...]:
        named = (("--mask", self.mask), ("--protect", self.protect))
        return tuple((option, path) for option, path in named if path is not None)


def white_of(mask: Photo) -> Tensor:
    """(1,1,H,W) in [0,1]: how white each pixel of a mask is; what is transparent is black."""
    return area_of(mask.pixels if mask.alpha is None else mask.pixels * mask.alpha)


def mask_for(photo: Photo, option: str, folder: Path) -> Path:
    """The one picture in the folder that has the photo's name, whatever its suffix; ImageError for none or several."""
    stem = Path(photo.name).stem
    found = sorted(path for path in folder.iterdir() if path.stem == stem and path.suffix.lower() in PHOTO_SUFFIXES)
    if not found:
        raise ImageError(
            f"{option} {folder}: there is no mask called {stem!r} for {photo.name}; add one, of any picture format"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ImageError(f"{option} {folder}: several masks for {photo.name} ({names}); keep one of them")
    return found[0]


def check_size(mask: str, size: tuple[int, int], photo: tuple[int, int], cure: str = "") -> None:
    """ConfigError unless the two sizes, (height, width), are one; ``cure`` is what else one could do."""
    if size != photo:
        raise ConfigError(
            f"{mask}: the mask has {size[1]}x{size[0]} pixels and the photo {photo[1]}x{photo[0]}; "
            f"a mask must have the photo's size{cure}"
        )
