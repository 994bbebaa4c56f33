"""Folders of photos to batches of pixel pairs."""
