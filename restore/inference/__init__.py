"""Weights and photos to restored photos."""
