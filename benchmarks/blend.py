"""Detail weights that go too far at their end: the slider's 100 put at a share of the way from the fidelity weights.

    python benchmarks/blend.py restore/weights/upscale-x4.safetensors run/weights.safetensors 0.85 -o milder.safetensors
    python benchmarks/blend.py before.safetensors run/weights.safetensors 1 --onto clean.safetensors -o new.safetensors

With ``--onto``, fidelity weights that have learnt on since are given what the detail weights had learnt beyond those
that they began from: new + share (detail - fidelity). What comes out is a weights file like any other, with the card
of the second; measure it before it is published.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from restore.models.blend import blend
from restore.models.weights import find_weights, load_tensors_of, save_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fidelity", type=Path)
    parser.add_argument("detail", type=Path)
    parser.add_argument("share", type=float, help="0 (fidelity) to 1 (detail)")
    parser.add_argument("--onto", type=Path, help="the fidelity weights as they are now")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    fidelity, detail = find_weights(args.fidelity), find_weights(args.detail)
    network = blend(fidelity, detail, args.share)
    tensors = network.state_dict()
    if args.onto is not None:
        before, now = load_tensors_of(fidelity), load_tensors_of(find_weights(args.onto))
        tensors = {name: tensor + now[name] - before[name] for name, tensor in tensors.items()}
    print(save_weights(args.output, tensors, replace(detail.card, sha256="")))


if __name__ == "__main__":
    main()
