"""Detail weights that go too far at their end: the slider's 100 put at a share of the way from the fidelity weights.

    python benchmarks/blend.py restore/weights/upscale-x4.safetensors run/weights.safetensors 0.85 -o milder.safetensors

What comes out is a weights file like any other, with the card of the second; measure it before it is published.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from restore.models.blend import blend
from restore.models.weights import find_weights, save_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fidelity", type=Path)
    parser.add_argument("detail", type=Path)
    parser.add_argument("share", type=float, help="0 (fidelity) to 1 (detail)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    fidelity, detail = find_weights(args.fidelity), find_weights(args.detail)
    network = blend(fidelity, detail, args.share)
    print(save_weights(args.output, network.state_dict(), replace(detail.card, sha256="")))


if __name__ == "__main__":
    main()
