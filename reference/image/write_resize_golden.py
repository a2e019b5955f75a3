"""Writes test/golden/image/resize.json: hashes of Pillow's and torchvision's bicubic resizes.

    pip install pillow==12.0.0 numpy && python reference/image/write_resize_golden.py   (columns first, as ever)
    pip install pillow==13.0.0 numpy torch torchvision && python reference/image/write_resize_golden.py

Pillow 13 changed the order of the passes, so both are kept: each run fills its own column and leaves the other.
"""

import json

import numpy as np
import PIL
from PIL import Image

from common import GOLDEN, mix, picture, sha, write

try:
    import torch
    import torchvision
    from torchvision.transforms.v2 import functional as F
except ImportError:
    torch = None


def sizes(case: int) -> tuple[int, int, int, int]:
    a, b, c, d = (int(v) for v in mix(np.arange(4), 7000 + case))
    if case < 200:
        return 1 + a % 120, 1 + b % 120, 1 + c % 160, 1 + d % 160
    if case < 260:  # strong reduction
        return 200 + a % 900, 100 + b % 500, 1 + c % 60, 1 + d % 60
    if case < 300:  # one axis unchanged
        return (1 + a % 300, 1 + b % 300, 1 + a % 300, 1 + d % 300) if case % 2 else (
            1 + a % 300, 1 + b % 300, 1 + c % 300, 1 + b % 300)
    return 1 + a % 3, 1 + b % 400, 1 + c % 200, 1 + d % 3  # slivers


def torch_resize(source: np.ndarray, width: int, height: int) -> bytes:
    tensor = torch.from_numpy(source.copy()).permute(2, 0, 1).contiguous()
    out = F.resize(tensor, [height, width], interpolation=F.InterpolationMode.BICUBIC, antialias=True)
    return out.permute(1, 2, 0).contiguous().numpy().tobytes()


def main() -> None:
    path = GOLDEN / "resize.json"
    golden = json.loads(path.read_text()) if path.exists() else {"versions": {}, "cases": [{} for _ in range(340)]}
    column = "pillow13" if int(PIL.__version__.split(".")[0]) >= 13 else "pillow"
    golden["versions"][column] = PIL.__version__
    if torch is not None:
        golden["versions"] |= {"torch": torch.__version__, "torchvision": torchvision.__version__}
    for case, entry in enumerate(golden["cases"]):
        width, height, to_width, to_height = sizes(case)
        source = picture(width, height, case)
        entry |= {"seed": case, "from": [width, height], "to": [to_width, to_height]}
        resized = Image.fromarray(source).resize((to_width, to_height), Image.Resampling.BICUBIC)
        entry[column] = sha(np.asarray(resized).tobytes())
        if torch is not None:
            entry["torch"] = sha(torch_resize(source, to_width, to_height))
    write("resize.json", golden)


main()
