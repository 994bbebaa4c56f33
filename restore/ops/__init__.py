"""Pixel kernels without weights."""
