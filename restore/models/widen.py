"""Weights of one network as the start of a wider one."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_OUTPUT = "head."
"""Begins the names of the last layer, whose channels are pixels: another number of them is another picture."""


def fitted(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What of ``found`` can stand in a network whose fresh tensors are ``own``, by name; empty if nothing can.

    A tensor of the same shape is taken as it is. One that is smaller comes to lie in the corner of the fresh one: the
    old channels listen to the old ones alone (zeros from the new), the new channels stay fresh. So a wider network
    begins by giving the pictures of the narrow one, and has room to learn.
    Source: the idea of Chen, Goodfellow and Shlens, "Net2Net", 2016, with silent new channels instead of copies.
    """
    result = {}
    for name, tensor in found.items():
        fresh = own.get(name)
        if fresh is None or fresh.dim() != tensor.dim():
            continue
        if fresh.shape == tensor.shape:
            result[name] = tensor
        elif _has_room(fresh, tensor) and not (name.startswith(_OUTPUT) and len(fresh) != len(tensor)):
            result[name] = _in_corner(fresh, tensor)
    return result


def _has_room(fresh: Tensor, tensor: Tensor) -> bool:
    channels = all(new >= old for new, old in zip(fresh.shape[:2], tensor.shape[:2], strict=True))
    return channels and fresh.shape[2:] == tensor.shape[2:]


def _in_corner(fresh: Tensor, tensor: Tensor) -> Tensor:
    wide = fresh.clone()
    rows = len(tensor)
    wide[:rows] = 0
    if tensor.dim() == 1:
        wide[:rows] = tensor
    else:
        wide[:rows, : tensor.shape[1]] = tensor
    return wide
