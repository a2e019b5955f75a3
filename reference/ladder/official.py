"""Imports the released files from a folder outside the repository (never committed; see ../SOURCES.md)."""

import builtins
import hashlib
import importlib
import json
import os
import sys
import types
import typing
from pathlib import Path

HERE = Path(__file__).resolve().parent


def sources_folder() -> Path:
    folder = os.environ.get("MINICPMV_SOURCES")
    if not folder:
        raise SystemExit("Set MINICPMV_SOURCES to the folder that holds the released files (reference/SOURCES.md).")
    return Path(folder)


def _stub(name: str, **attributes):
    if name in sys.modules:
        return
    module = types.ModuleType(name)
    for key, value in attributes.items():
        setattr(module, key, value)
    sys.modules[name] = module


def _stub_torchvision():
    """The released files import torchvision for a transform that inference never calls."""
    class Anything:
        def __getattr__(self, name):
            return Anything()

        def __call__(self, *args, **kwargs):
            return Anything()

    transforms = types.ModuleType("torchvision.transforms")
    transforms.Compose = transforms.ToTensor = transforms.Normalize = transforms.Resize = Anything()
    transforms.InterpolationMode = Anything()
    _stub("torchvision", transforms=transforms)
    sys.modules.setdefault("torchvision.transforms", transforms)


def load(version: str, *names: str):
    """Modules `names` of the folder `version`; the sha256 of each must be the one in sources.json."""
    folder = sources_folder()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    _stub_torchvision()
    # One copy relies on `List` leaking out of a star import that newer torch no longer offers.
    builtins.List, builtins.Tuple = typing.List, typing.Tuple
    modules = [importlib.import_module(f"{version}.{name}") for name in names]
    check(version, names)
    return modules


def digest(version: str, name: str) -> str:
    return hashlib.sha256((sources_folder() / version / f"{name}.py").read_bytes()).hexdigest()


def check(version: str, names):
    expected = json.loads((HERE.parent / "sources.json").read_text())
    for name in names:
        want = expected.get(f"{version}/{name}.py", {}).get("sha256")
        got = digest(version, name)
        if want != got:
            raise SystemExit(f"{version}/{name}.py has sha256 {got}, sources.json says {want}.")


def hashes(version: str, names) -> dict:
    return {f"{version}/{name}.py": digest(version, name) for name in names}
