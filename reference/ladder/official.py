"""Imports the released files from a folder outside the repository (never committed; see ../SOURCES.md)."""

import builtins
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import re
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


class _AnyMember(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return f"{cls.__name__}.{name}"


class _Placeholder(types.ModuleType):
    """A module of which every attribute is an empty class, and every member of that class a string."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = _AnyMember(name, (), {})
        setattr(self, name, made)
        return made


class _TorchvisionFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, _path=None, _target=None):
        if name == "torchvision" or name.startswith("torchvision."):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Placeholder(spec.name)

    def exec_module(self, module):
        module.__path__ = []


def import_timm():
    """timm imports torchvision for transforms that a forward pass never calls. Call after transformers' imports."""
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    finder = _TorchvisionFinder()
    sys.meta_path.insert(0, finder)
    try:
        import timm
        from timm.models import vision_transformer
    finally:
        sys.meta_path.remove(finder)
    return timm, vision_transformer


def allow_missing_names(version: str, name: str):
    """Older files import helpers that newer transformers dropped: put false-returning ones in their place."""
    for _ in range(8):
        try:
            return load(version, name)[0]
        except ImportError as error:
            found = re.search(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
            if not found:
                raise
            setattr(importlib.import_module(found.group(2)), found.group(1), lambda *_args, **_kwargs: False)
    raise SystemExit(f"{version}/{name}.py cannot be imported.")


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
