"""Collects named stages, keeps a sample of their rows, and writes taps.safetensors and manifest entries."""

import hashlib

import numpy as np
import torch
from safetensors.numpy import save_file

SAMPLE_ROWS = 8


def sample_rows(count: int, wanted: int) -> list:
    """First, last and evenly spaced rows between them."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


class Taps:
    def __init__(self):
        self.tensors = {}
        self.stages = {}

    def rows(self, name: str, value: torch.Tensor, wanted: int = SAMPLE_ROWS, dtype=np.float64):
        """Stage [N, …]: a few rows in the file, and sums over the whole tensor in the manifest."""
        full = value.detach().to(torch.float64).numpy()
        index = sample_rows(full.shape[0], wanted)
        self.tensors[name] = np.ascontiguousarray(full[index].astype(dtype))
        self.stages[name] = {
            "shape": list(full.shape), "rows": index, "sum": float(full.sum()),
            "sumAbs": float(np.abs(full).sum()), "sumSquares": float((full * full).sum()),
        }

    def whole(self, name: str, value, dtype):
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        self.tensors[name] = np.ascontiguousarray(array.astype(dtype))
        self.stages[name] = {"shape": list(array.shape), "rows": "all"}

    def write(self, path):
        save_file(self.tensors, str(path))


def pixel_hash(image) -> dict:
    """Size and sha256 of the RGB bytes, row-major."""
    array = np.asarray(image.convert("RGB"))
    return {"width": array.shape[1], "height": array.shape[0], "sha256": hashlib.sha256(array.tobytes()).hexdigest()}


class Capture:
    """Forward hooks that keep the outputs of named modules during one forward pass."""

    def __init__(self):
        self.values = {}
        self._handles = []

    def output(self, name: str, module: torch.nn.Module):
        def hook(_module, _inputs, output):
            value = output[0] if isinstance(output, tuple) else getattr(output, "last_hidden_state", output)
            self.values.setdefault(name, []).append(value.detach().clone())

        self._handles.append(module.register_forward_hook(hook))

    def input(self, name: str, module: torch.nn.Module):
        def hook(_module, inputs):
            self.values.setdefault(name, []).append(inputs[0].detach().clone())

        self._handles.append(module.register_forward_pre_hook(hook))

    def clear(self):
        self.values = {}

    def remove(self):
        for handle in self._handles:
            handle.remove()
