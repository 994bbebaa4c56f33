"""Launcher for a checkout: ``python cli.py upscale photo.jpg`` is ``restore upscale photo.jpg``."""

from restore.__main__ import main

main()
