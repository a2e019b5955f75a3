"""Shared by the scripts that write test/golden/image. Python 3.11 or newer, numpy, Pillow."""

import hashlib
import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "test" / "golden" / "image"


def mix(index: np.ndarray, seed: int) -> np.ndarray:
    """32-bit hash of indices; test/golden/image/test-picture.ts computes the same numbers."""
    value = index.astype(np.uint32) * np.uint32(2654435761) + np.uint32(seed * 40503 & 0xFFFFFFFF)
    value ^= value >> np.uint32(15)
    value *= np.uint32(2246822519)
    value ^= value >> np.uint32(13)
    value *= np.uint32(3266489917)
    return value ^ (value >> np.uint32(16))


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """[height, width, 3] uint8: noise for even seeds, ramps that wrap around for odd ones."""
    if seed % 2 == 0:
        count = width * height * 3
        return (mix(np.arange(count), seed) & np.uint32(255)).astype(np.uint8).reshape(height, width, 3)
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * (1 + seed % 5) + y * (2 + seed % 3) + c * 53) & 255).astype(np.uint8)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def write(name: str, value: dict) -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / name).write_text(json.dumps(value, indent=None, separators=(",", ":")).replace('},{', '},\n{') + "\n")
