"""Writes test/golden/image/slices.json: slice plans of 100,000 sizes by the released image processors.

    pip install transformers torch torchvision pillow numpy
    python reference/image/write_slice_golden.py V20.py V25.py V26.py V45.py

The files are image_processing_minicpmv.py of the remote code published with each version (sha256 recorded). They are
run, never copied, and must agree with each other. For V-4.6
the image processor of transformers is run, whose granule is 56 in 16x mode and 28 in 4x mode. Plans are hashed in runs of 1000 lines.
"""

import hashlib
import importlib.util
import functools
import itertools
import math
import platform
import sys
from pathlib import Path

import numpy as np
import transformers
from transformers.models.minicpmv4_6.image_processing_minicpmv4_6 import MiniCPMV4_6ImageProcessor

from common import mix, sha, write

COUNT, RUN = 100_000, 1000
RANGES = (500, 2000, 6000, 1400)
# sizes at which two grids are equally far, so that the last bit of the logarithm decides
TIE_RATIOS = [(1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (4, 1), (1, 4), (9, 1), (1, 9), (3, 2), (2, 3), (4, 3), (3, 4),
              (6, 1), (8, 1), (1, 8), (9, 4), (16, 9), (5, 2)]
TIE_SCALES = range(1, 3000, 13)


class FakeImage:
    """Answers what slice_image asks of a picture, without pixels."""

    def __init__(self, size):
        self.size = size

    def copy(self):
        return self

    def resize(self, size, resample=None):
        return FakeImage(tuple(size))

    def crop(self, box):
        return FakeImage((box[2] - box[0], box[3] - box[1]))


def load_released(path: str):
    spec = importlib.util.spec_from_file_location("released", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MiniCPMVImageProcessor()


def size_of(index: int, pair) -> tuple[int, int]:
    limit = RANGES[index % 4]
    return 1 + int(pair[0]) % limit, 1 + int(pair[1]) % limit


def released_plan(processor, width: int, height: int, most: int) -> list[int]:
    overview, slices, grid = processor.slice_image(FakeImage((width, height)), max_slice_nums=most)
    if grid is None or not slices:
        return [0, 0, *overview.size, 0, 0]
    assert len(slices) == grid[1] and len(slices[0]) == grid[0]
    return [*grid, *overview.size, *slices[0][0].size]


def new_plan(processor, width: int, height: int, most: int, mode: str) -> list[int]:
    grid = processor.get_sliced_grid((height, width), most, 448)
    high, wide = processor.find_best_resize((height, width), 448, 14, mode, allow_upscale=grid is None)
    if grid is None:
        return [0, 0, wide, high, 0, 0]
    refined_high, refined_wide = processor.get_refine_size(
        (height, width), grid, 448, 14, mode, allow_upscale=True)
    return [grid[1], grid[0], wide, high, refined_wide // grid[1], refined_high // grid[0]]


def hash_of(sizes, plan, processor, most: int) -> str:
    lines = [",".join(map(str, [*size, *plan(processor, *size, most)])) for size in sizes]
    return sha("\n".join(lines).encode())


def run_hashes(plan, processor, most: int, values) -> tuple[list[str], list[str]]:
    """Hashes of the random sizes, 1000 at a time, and of the ties, one ratio at a time."""
    runs = ([size_of(index, values[index]) for index in range(start, start + RUN)] for start in range(0, COUNT, RUN))
    ties = ([(a * k, b * k) for k in TIE_SCALES] for a, b in TIE_RATIOS)
    return [hash_of(run, plan, processor, most) for run in runs], [hash_of(tie, plan, processor, most) for tie in ties]


def main() -> None:
    values = mix(np.arange(COUNT * 2), 99).reshape(COUNT, 2)
    current = MiniCPMV4_6ImageProcessor()
    released = [load_released(path) for path in sys.argv[1:]]
    runs = []
    for granule, most in itertools.product((14, 28, 56), (9, 36)):
        if granule > 14:
            plan = functools.partial(new_plan, mode="16x" if granule == 56 else "4x")
            hashes = run_hashes(plan, current, most, values)
        else:
            hashes, *others = [run_hashes(released_plan, processor, most, values) for processor in released]
            assert all(other == hashes for other in others), "released versions differ"
        runs.append({"granule": granule, "maxSlices": most, "hashes": hashes[0], "ties": hashes[1]})
    write("slices.json", {
        "versions": {
            "transformers": transformers.__version__, "libc": " ".join(platform.libc_ver()),
            "releasedSha256": [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sys.argv[1:]],
        },
        "runs": runs,
        "logarithms": [[a, b, math.log(a / b)] for a in range(1, 37) for b in range(1, 36 // a + 1)],
    })


main()
