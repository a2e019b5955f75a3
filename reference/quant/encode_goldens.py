"""Errors and hashes of ggml's own quantiser on synthetic tensors, for src/quantize/encode.

The tensors are rebuilt by the test from the same integer generator, so only figures are stored.
Run: GGML_BASE=path/to/libggml-base.so GGML_REVISION=... python3 reference/quant/encode_goldens.py   (needs gguf, numpy)
"""
import ctypes
import hashlib
import json
import os
import pathlib
from importlib.metadata import version

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

ROWS, COLUMNS = 8, 1024
TYPES = ["F16", "BF16", "Q8_0", "Q4_0", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
WITH_IMPORTANCE = ["Q4_K", "Q5_K", "Q6_K"]

lib = ctypes.CDLL(os.environ["GGML_BASE"])
lib.ggml_quantize_chunk.restype = ctypes.c_size_t
lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]


def integers(seed: int, count: int) -> np.ndarray:
    """Upper 16 bits of a 32-bit linear congruential generator (Numerical Recipes)."""
    out = np.empty(count, dtype=np.int64)
    state = seed
    for i in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out[i] = state >> 16
    return out


def tensors() -> dict[str, np.ndarray]:
    n = ROWS * COLUMNS
    bell = (integers(1, 4 * n).reshape(n, 4).sum(axis=1) - 131070) / 65536.0
    flat = (integers(2, n) - 32768) / 32768.0
    sparse = np.where(np.arange(n) % 16 == 3, flat, 0.0)
    sparse[:COLUMNS] = 0
    all_ = {
        "bell": bell,
        "heavy": bell**3,
        "offset": bell * 0.25 + 0.5,
        "sparse": sparse,
        "tiny": bell * 2.0**-12,
        "flat": flat,
        "constant": np.full(n, 0.3125),
    }
    return {k: v.astype(np.float32) for k, v in all_.items()}


def importance() -> np.ndarray:
    return (2.0 ** (integers(3, COLUMNS) % 9 - 4)).astype(np.float32)


def encode(name: str, x: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    elements, size = GGML_QUANT_SIZES[T[name]]
    out = np.zeros(x.size // elements * size, dtype=np.uint8)
    w = None if weights is None else weights.ctypes.data
    lib.ggml_quantize_chunk(T[name].value, x.ctypes.data, out.ctypes.data, 0, ROWS, COLUMNS, w)
    return out


def main() -> None:
    cases = []
    for tensor, x in tensors().items():
        for name in TYPES:
            for weights in [None, importance()] if name in WITH_IMPORTANCE else [None]:
                raw = encode(name, x, weights)
                y = np.asarray(dequantize(raw, T[name]), dtype=np.float64).reshape(ROWS, COLUMNS)
                squared = (y - x.reshape(ROWS, COLUMNS)) ** 2
                case = {"tensor": tensor, "type": name, "importance": weights is not None, "rmse": float(np.sqrt(squared.mean()))}
                if weights is not None:
                    case["weightedRmse"] = float(np.sqrt((squared * weights).sum() / (weights.sum() * ROWS)))
                case["sha256"] = hashlib.sha256(raw.tobytes()).hexdigest()[:16]
                cases.append(case)
    versions = {"ggml": os.environ["GGML_REVISION"], "gguf": version("gguf"), "numpy": np.__version__}
    path = pathlib.Path(__file__).parents[2] / "test/golden/quant/encode.json"
    lines = ",\n".join("  " + json.dumps(c) for c in cases)
    path.write_text('{"versions": %s,\n "rows": %d, "columns": %d,\n "cases": [\n%s\n]}\n' % (json.dumps(versions), ROWS, COLUMNS, lines))


if __name__ == "__main__":
    main()
