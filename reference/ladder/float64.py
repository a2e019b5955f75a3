"""Runs official modules in float64 although their text upcasts to float32 in places.

Released code writes `softmax(..., dtype=torch.float32)`, `x.to(torch.float32)` and `x.float()`. Under a float64
model these lines would narrow, so inside `wide()` the name `torch` of a listed module is a view of torch whose
float32 is float64, and `Tensor.float` keeps float64. Nothing else of the module changes.
"""

import contextlib
import types

import torch


class _WideTorch(types.ModuleType):
    float32 = torch.float64
    float = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


@contextlib.contextmanager
def wide(*modules, constructing=False):
    """Inside the block the given modules compute in float64.

    Only while constructing is float64 also torch's default dtype. During a forward pass it must not be: the towers
    bucketise positions with `torch.arange` in the default dtype, and in float64 some fractions fall on the other side
    of a boundary than in the released float32.
    """
    proxy = _WideTorch("torch")
    original_float = torch.Tensor.float
    saved_dtype = torch.get_default_dtype()

    def keep(self):
        return self if self.is_floating_point() else self.to(torch.float64)

    for module in modules:
        module.torch = proxy
    torch.Tensor.float = keep
    if constructing:
        torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(saved_dtype)
        torch.Tensor.float = original_float
        for module in modules:
            module.torch = torch
