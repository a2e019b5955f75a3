"""Types that llama.cpp's own quantiser gives the tensors of small models, for src/quantize/mixture.

QUANTIZE is a program `QUANTIZE in.gguf out.gguf FTYPE` around llama_model_quantize with default parameters.
Run: QUANTIZE=... LLAMA_REVISION=... python3 reference/quant/mixture_goldens.py   (needs gguf, numpy)
"""
import json
import os
import pathlib
import subprocess
import tempfile
from importlib.metadata import version

import numpy as np
from gguf import GGUFReader, GGUFWriter

PRESETS = {"Q8_0": 7, "Q4_0": 2, "Q6_K": 18, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_M": 17}


def llama_like(arch: str, layers: int, width: int, ffn: int, tied: bool):
    names = [("token_embd.weight", 64, width)]
    for n in range(layers):
        names += [
            (f"blk.{n}.attn_norm.weight", width),
            (f"blk.{n}.attn_q.weight", width, width),
            (f"blk.{n}.attn_k.weight", width, width),
            (f"blk.{n}.attn_v.weight", width, width),
            (f"blk.{n}.attn_output.weight", width, width),
            (f"blk.{n}.ffn_gate.weight", ffn, width),
            (f"blk.{n}.ffn_up.weight", ffn, width),
            (f"blk.{n}.ffn_down.weight", width, ffn),
            (f"blk.{n}.ffn_norm.weight", width),
        ]
    names += [("output_norm.weight", width)]
    if not tied:
        names += [("output.weight", 64, width)]
    return arch, layers, width, ffn, names


def hybrid(layers: int, width: int, ffn: int):
    names = [("token_embd.weight", 64, width)]
    for n in range(layers):
        if n % 4 == 3:
            names += [(f"blk.{n}.attn_{x}.weight", width, width) for x in ["q", "k", "v", "output"]]
        else:
            names += [
                (f"blk.{n}.attn_qkv.weight", 3 * width, width),
                (f"blk.{n}.attn_gate.weight", width, width),
                (f"blk.{n}.ssm_conv1d.weight", 3 * width, 4),
                (f"blk.{n}.ssm_alpha.weight", 16, width),
                (f"blk.{n}.ssm_beta.weight", 16, width),
                (f"blk.{n}.ssm_out.weight", width, width),
            ]
        names += [
            (f"blk.{n}.post_attention_norm.weight", width),
            (f"blk.{n}.ffn_gate.weight", ffn, width),
            (f"blk.{n}.ffn_up.weight", ffn, width),
            (f"blk.{n}.ffn_down.weight", width, ffn),
        ]
    return "qwen35", layers, width, ffn, names + [("output_norm.weight", width)]


MODELS = {
    "qwen3 36 layers, untied": llama_like("qwen3", 36, 256, 512, False),
    "llama 32 layers, tied": llama_like("llama", 32, 256, 512, True),
    "minicpm 40 layers, tied, rows of 288 and 320": llama_like("minicpm", 40, 288, 320, True),
    "qwen35 24 layers, hybrid, tied": hybrid(24, 256, 512),
}


def write(path: str, model) -> None:
    arch, layers, width, ffn, names = model
    w = GGUFWriter(path, arch)
    w.add_context_length(64)
    w.add_embedding_length(width)
    w.add_block_count(layers)
    w.add_feed_forward_length(ffn)
    w.add_head_count(4)
    w.add_head_count_kv(4)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_dimension_count(width // 4)
    w.add_key_length(width // 4)
    w.add_value_length(width // 4)
    w.add_vocab_size(64)
    if arch == "qwen35":
        w.add_ssm_conv_kernel(4)
        w.add_ssm_state_size(16)
        w.add_ssm_group_count(16)
        w.add_ssm_time_step_rank(16)
        w.add_ssm_inner_size(width)
        w.add_rope_dimension_sections([4, 4, 4, 0])
        w.add_uint32("qwen35.full_attention_interval", 4)
    rng = np.random.default_rng(1)
    for name, *shape in names:
        one_dimensional = len(shape) == 1
        values = rng.normal(size=shape).astype(np.float32 if one_dimensional else np.float16)
        w.add_tensor(name, values)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main() -> None:
    out = {"versions": {"llama.cpp": os.environ["LLAMA_REVISION"], "gguf": version("gguf")}, "models": {}}
    with tempfile.TemporaryDirectory() as folder:
        for title, model in MODELS.items():
            source = f"{folder}/in.gguf"
            write(source, model)
            reader = GGUFReader(source)
            entry = {
                "names": [t.name for t in reader.tensors],
                "shapes": [[int(d) for d in reversed(t.shape)] for t in reader.tensors],
                "types": [t.tensor_type.name for t in reader.tensors],
                "presets": {},
            }
            for preset, ftype in PRESETS.items():
                target = f"{folder}/out.gguf"
                subprocess.run([os.environ["QUANTIZE"], source, target, str(ftype)], check=True, capture_output=True)
                by_name = {t.name: t.tensor_type.name for t in GGUFReader(target).tensors}
                entry["presets"][preset] = [by_name[name] for name in entry["names"]]
            out["models"][title] = entry
    path = pathlib.Path(__file__).parents[2] / "test/golden/quant/mixture.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
