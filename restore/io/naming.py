"""Names of results: the template, and telling results from sources by it."""

from __future__ import annotations

import re
import string
from collections.abc import Collection
from pathlib import Path
from typing import Final

from restore.errors import ConfigError
from restore.io.formats import FORMATS, PHOTO_SUFFIXES, format_named, format_of, writable

FIELDS: Final = ("stem", "what", "ext")
WORDS: Final = r"x\d+(?:\.\d+)?|\d+px|\d+x\d+|denoised|dejpegged|deblurred|inpainted|mask|restored|evidence|preview"
"""What earlier runs may have been asked for: x2, x1.5, 3000px, 1920x1080, a verb, evidence, a mask or a preview."""


def checked_template(template: str) -> str:
    """The template, ending in {ext}; ConfigError when it could not name a file."""
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
    except ValueError as fault:
        raise ConfigError(f"--name {template!r}: {fault}; write it like '{{stem}}_{{what}}{{ext}}'") from fault
    if fields - set(FIELDS) or "stem" not in fields:
        raise ConfigError(f"--name {template!r} must hold {{stem}} and may hold {{what}} and {{ext}}, nothing else")
    if "/" in template or "\\" in template:
        raise ConfigError(f"--name {template!r} names a file, not a folder; choose the folder with -o")
    return template if template.endswith("{ext}") else template.replace("{ext}", "") + "{ext}"


def suffix_of_result(source: Path, wanted: str | None) -> str:
    """The suffix of the result: the source's own while the format stays.

    >>> suffix_of_result(Path("a.JPG"), None), suffix_of_result(Path("a.gif"), None), suffix_of_result(Path("a"), "tif")
    ('.JPG', '.png', '.tif')
    """
    named = format_of(source)
    chosen = format_named(wanted) if wanted else writable(named or "PNG", alpha=False)
    return source.suffix if named == chosen else FORMATS[chosen].suffixes[0]


class OwnOutputs:
    """Knows results of earlier runs: named by the template, beside the source that they came from."""

    def __init__(self, template: str, what: str) -> None:
        words = f"(?:{re.escape(what)}|{WORDS})"
        pattern = re.escape(template)
        for field, regex in (("stem", "(?P<stem>.+)"), ("what", words), ("ext", r"\.\w+")):
            pattern = pattern.replace(re.escape(f"{{{field}}}"), regex, 1)
        self._pattern = re.compile(pattern) if "{what}" in template else None

    def holds(self, name: str, siblings: Collection[str]) -> bool:
        """Whether the file ``name`` is a result of one of its ``siblings`` (file names in the same folder)."""
        match = self._pattern.fullmatch(name) if self._pattern else None
        if match is None:
            return False
        stem = match["stem"]
        return any(Path(other).stem == stem and Path(other).suffix.lower() in PHOTO_SUFFIXES for other in siblings)
