"""Random blocks and what the gguf package decodes them to, for src/weights/quant.

Writes one JSON file: per type the base64 of the blocks and of the float32 result.
Run: python3 reference/quant/dequant_goldens.py   (needs gguf, numpy)
"""
import base64
import json
import pathlib
from importlib.metadata import version

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
# byte offsets of the float16 fields of a block: kept finite, everything else is random
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}
BLOCKS = 3
SEED = 20261122


def blocks_of(name: str, rng: np.random.Generator) -> np.ndarray:
    elements, size = GGML_QUANT_SIZES[T[name]]
    if elements == 1:
        values = rng.normal(size=64).astype(np.float32)
        values[:4] = [0.0, 6e-8, -1e-7, 65504.0]
        if name == "F32":
            return values.view(np.uint8)
        if name == "F16":
            return values.astype(np.float16).view(np.uint8)
        return (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    blocks = rng.integers(0, 256, size=(BLOCKS, size), dtype=np.uint8)
    for offset in HALVES[name]:
        half = (rng.normal(size=BLOCKS) * 0.01).astype(np.float16)
        blocks[:, offset : offset + 2] = half.view(np.uint8).reshape(BLOCKS, 2)
    # one block with a subnormal scale
    for offset in HALVES[name]:
        blocks[0, offset : offset + 2] = [0x37, 0x00]
    return blocks.reshape(-1)


def main() -> None:
    rng = np.random.default_rng(SEED)
    out = {"versions": {"gguf": version("gguf"), "numpy": np.__version__}, "seed": SEED, "types": {}}
    for name in TYPES:
        raw = blocks_of(name, rng)
        values = np.ascontiguousarray(dequantize(raw, T[name]), dtype=np.float32).reshape(-1)
        out["types"][name] = {
            "elements": int(values.size),
            "bytes": base64.b64encode(raw.tobytes()).decode(),
            "values": base64.b64encode(values.tobytes()).decode(),
        }
    path = pathlib.Path(__file__).parents[2] / "test/golden/quant/dequantise.json"
    path.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
