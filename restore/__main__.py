"""``python -m restore``: the command."""

from __future__ import annotations

from restore.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
