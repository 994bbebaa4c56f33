"""Which networks enlarge, by scale, and how much detail they may invent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from restore.errors import ConfigError, WeightsError
from restore.inference.device import Device
from restore.inference.restorer import Restorer
from restore.models.blend import Pair, blend, blended_card, detail_path, is_detail, pair_of
from restore.models.weights import Weights, bundled_weights, find_weights

DEFAULT_DETAIL: Final = 25.0
"""How much detail there is when nobody asks, with the bundled networks. Chosen by looking: crisper than 0 everywhere,
invents nothing that shows, and shrunk again agrees with the photo even better (docs/sheets.md)."""
MOST_DETAIL: Final = 100.0
_SAME: Final = 1e-9
"""Two scales that differ by less are one."""


class Networks:
    """The networks of one size by scale, or one network of the user's own; loaded when first needed and kept.

    ``detail`` is 0 to 100: how far from the fidelity weights towards the detail weights. None: ``DEFAULT_DETAIL``, or 0
    for a network of the user's own and where there are no detail weights. Raises ConfigError for another number;
    WeightsError when there are no weights, or no detail weights at all though detail was asked for.
    """

    def __init__(
        self,
        device: Device,
        *,
        size: str = "fast",
        weights: str | Path | None = None,
        detail: float | None = None,
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        check_detail(detail)
        self._asked = detail
        self._wanted = (DEFAULT_DETAIL if weights is None else 0.0) if detail is None else detail
        found = _bundled(size) if weights is None else _own(weights)
        self._pairs = {one.card.scale: pair_of(one) if self._wanted else Pair(one, None) for one in found}
        self._names = {scale: pair.fidelity.card.name for scale, pair in self._pairs.items()}
        if weights is not None:
            self._names = dict.fromkeys(self._names, str(weights))
        self._device, self._max_memory, self._tile = device, max_memory, tile
        self._loaded: dict[tuple[int, float], Restorer] = {}
        if all(pair.detail is None for pair in self._pairs.values()):
            self.detail_for(tuple(self._pairs))

    def chain(self, factor: float) -> tuple[int, ...]:
        """Scales of the networks to apply one after the other; the last may go beyond ``factor``."""
        scales: list[int] = []
        reached = 1.0
        while reached + _SAME < factor:
            scales.append(self._nearest(factor / reached))
            reached *= scales[-1]
        return tuple(scales)

    def name(self, scale: int) -> str:
        """What the network for that scale is called: its bundled name, or the path that was given."""
        return self._names[scale]

    def detail_for(self, scales: tuple[int, ...]) -> float:
        """The detail that a chain works with, in every network of it: all of them have detail weights, or it is 0.

        WeightsError when detail was asked for and one of them has none.
        """
        bare = [self._pairs[scale].fidelity for scale in scales if self._pairs[scale].detail is None]
        if not bare:
            return self._wanted
        if self._asked:
            raise WeightsError(_without_detail(bare[0], self._asked))
        return 0.0

    def files(self, scales: tuple[int, ...], detail: float) -> tuple[Path, ...]:
        """The weights files that a chain with so much detail is made of, each once."""
        pairs = [self._pairs[scale] for scale in scales]
        used = [(pair.fidelity, pair.detail if detail else None) for pair in pairs]
        return tuple(dict.fromkeys(each.path for both in used for each in both if each is not None))

    def restorer(self, scale: int, detail: float) -> Restorer:
        """The network for that scale with so much detail in it; WeightsError when its files are damaged."""
        key = (scale, detail)
        if key not in self._loaded:
            pair = self._pairs[scale]
            self._loaded[key] = open_pair(pair, detail, self._device, max_memory=self._max_memory, tile=self._tile)
        return self._loaded[key]

    def _nearest(self, factor: float) -> int:
        """The smallest network that reaches the factor, else the largest there is."""
        reaching = [scale for scale in sorted(self._pairs) if scale + _SAME >= factor]
        return reaching[0] if reaching else max(self._pairs)


def open_pair(
    pair: Pair, detail: float, device: Device, *, max_memory: int | None = None, tile: int | None = None
) -> Restorer:
    """A restorer of the blend with ``detail``, 0 to 100; the fidelity weights themselves for 0.

    Raises ConfigError for another detail, WeightsError when there are no detail weights or files are damaged.
    """
    check_detail(detail)
    if detail == 0:
        return Restorer(pair.fidelity, device=device, max_memory=max_memory, tile=tile)
    if pair.detail is None:
        raise WeightsError(_without_detail(pair.fidelity, detail))
    share = detail / MOST_DETAIL
    network = blend(pair.fidelity, pair.detail, share, device.torch)
    return Restorer.of_network(network, blended_card(pair, share), device, max_memory=max_memory, tile=tile)


def check_detail(detail: float | None) -> None:
    """ConfigError unless it is None or a number from 0 to 100."""
    if detail is not None and not 0 <= detail <= MOST_DETAIL:
        raise ConfigError(f"detail is a number from 0 to {MOST_DETAIL:g}, got {detail:g}")


def _bundled(size: str) -> list[Weights]:
    """The bundled fidelity weights of a size."""
    found = [
        weights
        for weights in bundled_weights()
        if weights.card.task == "upscale" and weights.card.size == size and not is_detail(weights.card)
    ]
    if not found:
        raise WeightsError(f"no bundled upscale weights of size {size!r}; see `restore models list`")
    return found


def _own(weights: str | Path) -> list[Weights]:
    """The one network that was named."""
    found = find_weights(weights)
    if found.card.task != "upscale":
        raise WeightsError(
            f"{weights}: these weights are for {found.card.task!r}, not for upscale; apply them with "
            f"`restore run PHOTO --model {weights}`"
        )
    return [found]


def _without_detail(fidelity: Weights, detail: float) -> str:
    if is_detail(fidelity.card):
        return (
            f"{fidelity.path}: these are detail weights themselves; for detail {detail:g} name the fidelity weights "
            "that they lie beside, or leave the detail out to use them as they are"
        )
    return (
        f"{fidelity.path.name} has no detail weights beside it ({detail_path(fidelity.path).name}), so detail "
        f"{detail:g} is not to be had; leave it out, or take another size or scale (see `restore models list`)"
    )
