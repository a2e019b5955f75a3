"""Seeded weights, pictures and byte-level tokenizers for the tiny checkpoints."""

import hashlib
import json

import numpy as np
import torch
from PIL import Image, ImageDraw


def _generator(seed: int, name: str) -> np.random.Generator:
    key = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(key[:8], "little"))


def storable(values: np.ndarray) -> torch.Tensor:
    """Rounds to numbers that bfloat16 and float16 both hold exactly, so every file format carries the same weights."""
    return torch.from_numpy(values).to(torch.float16).to(torch.bfloat16).to(torch.float64)


def _is_norm(name: str) -> bool:
    parts = name.split(".")
    owner = parts[-2] if len(parts) > 1 else ""
    return "norm" in owner or owner.startswith("ln")


def seeded_values(name: str, shape, seed: int, gains: dict) -> np.ndarray:
    """One tensor: depends on its name, shape and the seed only. `gains` maps a part of the name to a gain."""
    normal = _generator(seed, name).standard_normal(tuple(shape))
    gain = next((g for part, g in gains.items() if part in name), 1.0)
    if name.endswith(("A_log", "dt_bias")):
        # A state that fades over tens of tokens: neither frozen nor forgotten at once.
        return (-1.5 if name.endswith("A_log") else -0.5) + 0.5 * normal
    if "position_embedding" in name or name.endswith("vpm.pos_embed"):
        # Few distinct values: the largest tensor of the file then compresses well.
        return np.clip(np.round(normal * 0.35 * 8) / 8, -1, 1)
    if _is_norm(name):
        base = gains.get("norm_base", lambda _: 1.0)(name) if name.endswith("weight") else 0.0
        return base + 0.1 * normal
    if name.endswith("bias"):
        return 0.1 * normal
    if name.endswith("query"):
        return normal
    if name.endswith("embed_tokens.weight"):
        return normal * gain
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    return normal * gain / np.sqrt(fan_in)


def seed_module(module: torch.nn.Module, prefix: str, seed: int, gains: dict, skip=()):
    """Overwrites every parameter of `module` in place; returns name → tensor under `prefix`."""
    tensors = {}
    for name, parameter in module.named_parameters():
        full = prefix + name
        if any(part in full for part in skip):
            continue
        values = storable(seeded_values(full, parameter.shape, seed, gains))
        with torch.no_grad():
            parameter.copy_(values.to(parameter.dtype))
        tensors[full] = values
    return tensors


def picture(width: int, height: int, seed: int) -> Image.Image:
    """Overlapping shapes on a gradient: flat areas, edges and thin lines, and a small PNG."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, width)[None, :, None]
    y = np.linspace(0, 1, height)[:, None, None]
    corner = rng.integers(0, 256, (4, 3))
    ground = (1 - x) * ((1 - y) * corner[0] + y * corner[1]) + x * ((1 - y) * corner[2] + y * corner[3])
    image = Image.fromarray((ground / 16).round().clip(0, 15).astype(np.uint8) * 17, "RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        cx, cy = int(rng.integers(0, width)), int(rng.integers(0, height))
        rx, ry = (int(rng.integers(3, max(4, side // 6))) for side in (width, height))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        box = (cx - rx, cy - ry, cx + rx, cy + ry)
        kind = int(rng.integers(0, 3))
        if kind == 0:
            draw.rectangle(box, fill=colour)
        elif kind == 1:
            draw.ellipse(box, fill=colour)
        else:
            draw.line(box, fill=colour, width=int(rng.integers(1, 5)))
    return image


def byte_alphabet():
    """GPT-2's map from bytes to printable characters, in byte order."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return [table[byte] for byte in range(256)]


MERGES = ["t h", "i n", "Ġ t", "a n", "e r", "r e", "o n", "Ġ a", "Ġt h", "i s", "Ġ i", "h e", "Ġi s", "Ġth e",
          "w h", "W h", "a t", "Wh at", "h is", "Ġt his", "i m", "a g", "im ag", "imag e", "Ġ image", "Ċ Ċ"]

QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3_PATTERN = QWEN2_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
QWEN35_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
                  r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level_tokenizer(pattern: str, specials, plain_added=(), inside_vocabulary=(), normalizer=True,
                         ignore_merges=False) -> dict:
    """tokenizer.json of a byte-level BPE: bytes, merges, words of `inside_vocabulary`, then added tokens in order.

    `inside_vocabulary` are ordinary vocabulary entries that are also flagged special, as `<unk>` is in Qwen-based files.
    """
    vocabulary = {symbol: index for index, symbol in enumerate(byte_alphabet())}
    for merge in MERGES:
        vocabulary.setdefault(merge.replace(" ", ""), len(vocabulary))
    for word in inside_vocabulary:
        vocabulary[word] = len(vocabulary)
    added = [{"id": vocabulary[w], "content": w, "special": True} for w in inside_vocabulary]
    next_id = len(vocabulary)
    for word in specials:
        added.append({"id": next_id, "content": word, "special": word not in plain_added})
        next_id += 1
    for token in added:
        token.update(single_word=False, lstrip=False, rstrip=False, normalized=False)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": sorted(added, key=lambda t: t["id"]),
        "normalizer": {"type": "NFC"} if normalizer else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}, byte_level]},
        "post_processor": byte_level,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": ignore_merges, "vocab": vocabulary, "merges": [m.split(" ") for m in MERGES]},
    }


SPM_MERGES = ["▁ t", "h e", "▁t he", "i s", "▁ i", "▁i s", "i n", "▁ a", "a t", "▁ W", "h a", "h at", "▁W hat", "▁t h",
              "▁th is", "i m", "a g", "im ag", "imag e", "▁ imag", "▁imag e", "▁i n", "r e", "A I"]
SPM_LETTERS = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!:;<>/用户"


def sentencepiece_tokenizer(specials, low_specials=(), add_bos=True) -> dict:
    """tokenizer.json in the layout that SentencePiece BPE files are exported to: byte fallback and a leading space mark.

    `low_specials` directly follow `<unk>`, `<s>`, `</s>` (as the image markers of 2.0 do); `specials` end the list.
    """
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for word in [*low_specials, *[f"<0x{byte:02X}>" for byte in range(256)], *SPM_LETTERS]:
        vocabulary.setdefault(word, len(vocabulary))
    for merge in SPM_MERGES:
        vocabulary.setdefault(merge.replace(" ", ""), len(vocabulary))
    for word in specials:
        vocabulary[word] = len(vocabulary)
    flags = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": vocabulary[w], "content": w, **flags} for w in ["<unk>", "<s>", "</s>", *low_specials, *specials]]
    single = [{"Sequence": {"id": "A", "type_id": 0}}]
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
    if add_bos:
        single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, *single]
        pair = [*single, {"SpecialToken": {"id": "<s>", "type_id": 1}}, pair[1]]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair,
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocabulary, "merges": [m.split(" ") for m in SPM_MERGES]},
    }


def tokenizer_size(tokenizer: dict) -> int:
    return max(max(tokenizer["model"]["vocab"].values()), max(t["id"] for t in tokenizer["added_tokens"])) + 1


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
