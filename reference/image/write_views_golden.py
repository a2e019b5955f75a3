"""Writes test/golden/image/views.json: patch values of whole pictures by the released image processors.

    pip install transformers torch torchvision pillow==12.0.0 numpy
    python reference/image/write_views_golden.py V25.py V26.py V45.py

The files are image_processing_minicpmv.py of the remote code; run, never copied. Hashes cover float32 [ΣP, 588],
channel-major, views in order, as little-endian bytes.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
import transformers
from PIL import Image
from transformers.models.minicpmv4_6.image_processing_minicpmv4_6 import MiniCPMV4_6ImageProcessor
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil

from common import picture, sha, write

SIZES = [(100, 80, 1), (449, 448, 2), (640, 480, 3), (480, 720, 4), (300, 1000, 5), (28, 700, 6), (900, 700, 8), (7, 5, 9)]


def rows(strip: np.ndarray) -> np.ndarray:
    """[3, 14, 14·L] strip to [L, 588]."""
    return strip.reshape(3, 14, -1, 14).transpose(2, 0, 1, 3).reshape(-1, 588).astype("<f4")


def load_released(path: str):
    spec = importlib.util.spec_from_file_location("released", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MiniCPMVImageProcessor()


def flat(value) -> list:
    """Views of the only picture, however deep the processor nests them."""
    return flat(value[0]) if isinstance(value[0], list) else value


def released(processor, image: Image.Image) -> dict:
    out = processor.preprocess(image)
    views = [np.asarray(view) for view in flat(out["pixel_values"])]
    sizes = np.vstack([np.asarray(size) for size in flat(out["tgt_sizes"])])
    values = np.concatenate([rows(view) for view in views])
    return {"grids": sizes.reshape(-1, 2).tolist(), "values": sha(values.tobytes())}


def current(processor, image: Image.Image, mode: str) -> dict:
    out = processor.preprocess(image, downsample_mode=mode, return_tensors="pt")
    return {"grids": out["target_sizes"].tolist(), "values": sha(rows(out["pixel_values"][0].numpy()).tobytes())}


def main() -> None:
    old = [load_released(path) for path in sys.argv[1:]]
    entries = []
    for width, height, seed in SIZES:
        image = Image.fromarray(picture(width, height, seed))
        first, *others = [released(processor, image) for processor in old]
        assert all(other == first for other in others), "released versions differ"
        entry = {"from": [width, height], "seed": seed, "released": first}
        for mode in ("16x", "4x"):
            entry[f"torchvision{mode}"] = current(MiniCPMV4_6ImageProcessor(), image, mode)
            entry[f"pil{mode}"] = current(MiniCPMV4_6ImageProcessorPil(), image, mode)
        entries.append(entry)
    write("views.json", {
        "versions": {
            "pillow": PIL.__version__, "transformers": transformers.__version__, "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "releasedSha256": [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sys.argv[1:]],
        },
        "pictures": entries,
    })


main()
