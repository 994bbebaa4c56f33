"""Losses that compare a map of logits with where something really is."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross entropy of (B,1,H,W) logits and a map of 0 and 1: one scalar, the mean over all pixels.

    >>> import torch
    >>> round(bce(torch.zeros(1, 1, 2, 2), torch.eye(2)[None, None]).item(), 4)
    0.6931
    """
    return F.binary_cross_entropy_with_logits(logits, truth)


def dice(logits: Tensor, truth: Tensor) -> Tensor:
    """1 - soft Dice of (B,1,H,W) logits and a map of 0 and 1: one scalar from 0 (equal) to 1.

    All pixels of the batch are one set, so that a picture without anything to find pulls no other way than the rest.
    Of damage that covers little, this sees what cross entropy hardly does. Source: Milletari, Navab, Ahmadi, "V-Net",
    3DV 2016 (with squares in the denominator).

    >>> import torch
    >>> wrong = torch.eye(2)[None, None]
    >>> round(dice(40 * wrong - 20, wrong).item(), 3), round(dice(20 - 40 * wrong, wrong).item(), 3)
    (0.0, 1.0)
    """
    found = logits.sigmoid()
    both, all_found, all_true = (part.sum() for part in (found * truth, found.square(), truth.square()))
    return 1 - (2 * both + _SMOOTH) / (all_found + all_true + _SMOOTH)


_SMOOTH = 1e-3
"""Pixels: where there is nothing to find and nothing found, the loss is 0 and no division fails."""
