"""Addresses such as s3://bucket/in/a.jpg: what may be shown of them, and where notes about them are kept."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from restore.errors import ConfigError

_ADDRESS: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://", re.IGNORECASE)

_whole: dict[str, str] = {}
"""Of each address that is shown without what follows its place, all of it."""
_hosts: dict[str, str] = {}
"""Of each beginning of addresses that is shown without a password, all of it."""


def is_address(word: str) -> bool:
    """Whether this is a URL rather than the name of a file.

    >>> is_address("s3://bucket/a.jpg"), is_address("C:/a.jpg"), is_address("in/a.jpg")
    (True, False, False)
    """
    return _ADDRESS.match(word) is not None


def scheme_of(word: str) -> str:
    """The protocol of an address, in small letters; nothing for the name of a file."""
    match = _ADDRESS.match(word)
    return match["scheme"].lower() if match else ""


def shown_address(word: str) -> str:
    """The same without what must not be shown: a password, and for the web all that follows the place.

    >>> shown_address("https://host/a.jpg?X-Amz-Signature=1"), shown_address("sftp://me:secret@host/a.jpg")
    ('https://host/a.jpg', 'sftp://me@host/a.jpg')
    """
    if not is_address(word):
        return word
    parts = urlsplit(word)
    user, _, host = parts.netloc.rpartition("@")
    if ":" in user:
        shown = f"{parts.scheme}://{user.partition(':')[0]}@{host}/"
        if _hosts.setdefault(shown, f"{parts.scheme}://{parts.netloc}/") != f"{parts.scheme}://{parts.netloc}/":
            raise ConfigError(f"{shown}: given twice with different passwords; restore these in two runs")
        word = shown + word.partition("://")[2].partition("/")[2]
    if parts.scheme in ("http", "https") and (parts.query or parts.fragment):
        clean = urlunsplit(urlsplit(word)._replace(query="", fragment=""))
        if _whole.setdefault(clean, word) != word:
            raise ConfigError(f"{clean}: given twice with different keys; give one address for one photo")
        return clean
    return word


def whole_address(shown: str) -> str:
    """The address that is shown so."""
    word = _whole.get(shown, shown)
    for host, whole in _hosts.items():
        if word.startswith(host):
            return whole + word.removeprefix(host)
    return word


def without_secrets(words: str) -> str:
    """What a package says, without what addresses in it may hold: passwords and signatures.

    >>> without_secrets("403, url='https://me:pw@host/a?X-Amz-Signature=1'")
    "403, url='https://host/a?...'"
    """
    return re.sub(r"\?[^\s\"']+", "?...", re.sub(r"//[^/\s@]+@", "//", words))


def state_folder(address: str) -> Path:
    """The folder on this computer for notes about the results at an address."""
    if sys.platform == "win32":
        state = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "restore" / "jobs" / hashlib.sha256(address.encode()).hexdigest()[:16]
