"""Writes the tiny checkpoints of 2.6, 2.5, 4.5 and 4.6 as GGUF pairs, and what torch answers on them.

Run after the ladder scripts: python reference/gguf_pairs.py. Names, keys and transforms are those of published files
(swapped ffn names of the older towers included); weights are exact in float16, so the ladder's numbers hold for them.
Each pair comes with torch.json: prompt, ids, last logits and greedy tokens on square.png, which is 448x448, so that no
port resizes it, and without image ids, which the llama.cpp family never writes.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors import safe_open

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "ladder"))
LADDER = HERE.parent / "test" / "golden" / "ladder"
NORMAL, CONTROL, USER = 1, 3, 4


def read(version):
    with safe_open(str(LADDER / version / "model.safetensors"), "pt") as file:
        tensors = {name: file.get_tensor(name).to(torch.float32).numpy() for name in file.keys()}
    config = json.loads((LADDER / version / "config.json").read_text())
    tokenizer = json.loads((LADDER / version / "tokenizer.json").read_text())
    return tensors, config, tokenizer


def put(writer, name, value, dtype=None):
    """Matrices as float16, vectors as float32, unless said otherwise; a matrix that float16 would change is refused."""
    kind = dtype or (np.float16 if value.ndim > 1 else np.float32)
    stored = np.ascontiguousarray(value.astype(kind))
    if kind == np.float16 and not np.array_equal(stored.astype(np.float32), value):
        raise SystemExit(f"{name} is not exact in float16.")
    writer.add_tensor(name, stored)


def put_tokenizer(writer, tokenizer, config, kind, eos, pad, bos=None):
    vocabulary = {index: word for word, index in tokenizer["model"]["vocab"].items()}
    types = {index: NORMAL for index in vocabulary}
    for token in tokenizer["added_tokens"]:
        vocabulary[token["id"]] = token["content"]
        types[token["id"]] = CONTROL if token["special"] else USER
    ids = {word: index for index, word in vocabulary.items()}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(kind)
    writer.add_token_list([vocabulary[i] for i in range(len(vocabulary))])
    writer.add_token_types([types[i] for i in range(len(vocabulary))])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(ids[bos or pad])
    writer.add_eos_token_id(ids[eos])
    writer.add_pad_token_id(ids[pad])
    writer.add_add_bos_token(False)
    writer.add_chat_template(config["chat_template"])


def put_llm_keys(writer, config, head_width):
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(4096)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def interleaved(weight, heads):
    """Rows of each head from halves to pairs, as llama-family files store q and k."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


PLAIN = {"self_attn.v_proj.weight": "attn_v.weight", "self_attn.q_proj.bias": "attn_q.bias",
         "self_attn.k_proj.bias": "attn_k.bias", "self_attn.v_proj.bias": "attn_v.bias",
         "self_attn.o_proj.weight": "attn_output.weight", "self_attn.q_norm.weight": "attn_q_norm.weight",
         "self_attn.k_norm.weight": "attn_k_norm.weight", "mlp.gate_proj.weight": "ffn_gate.weight",
         "mlp.up_proj.weight": "ffn_up.weight", "mlp.down_proj.weight": "ffn_down.weight",
         "input_layernorm.weight": "attn_norm.weight", "post_attention_layernorm.weight": "ffn_norm.weight"}


def write_llm(folder, version, architecture, pre, eos, pad, bos):
    tensors, config, tokenizer = read(version)
    template = json.loads((LADDER / version / "tokenizer_config.json").read_text())
    writer = gguf.GGUFWriter(str(folder / "model-f16.gguf"), architecture)
    writer.add_name(f"tiny MiniCPM-V {version[1:]}")
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    width = config.get("head_dim", config["hidden_size"] // heads)
    put_llm_keys(writer, config, width)
    writer.add_rope_freq_base(float(config["rope_theta"]))
    writer.add_rope_dimension_count(width)
    put_tokenizer(writer, tokenizer, template, pre, eos, pad, bos)
    put(writer, "token_embd.weight", tensors["llm.model.embed_tokens.weight"])
    put(writer, "output_norm.weight", tensors["llm.model.norm.weight"])
    put(writer, "output.weight", tensors["llm.lm_head.weight"])
    permute = architecture == "llama"
    for name, value in tensors.items():
        if not name.startswith("llm.model.layers."):
            continue
        layer, part = name.removeprefix("llm.model.layers.").split(".", 1)
        if part in PLAIN:
            put(writer, f"blk.{layer}.{PLAIN[part]}", value)
        else:
            letter = part.removeprefix("self_attn.")[0]
            count = heads if letter == "q" else groups
            put(writer, f"blk.{layer}.attn_{letter}.weight", interleaved(value, count) if permute else value)
    close(writer)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def clip_writer(path, name, vision, heads):
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_description("image encoder for MiniCPM-V")
    writer.add_bool("clip.has_text_encoder", False)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    for key, value in (("image_size", 448), ("patch_size", 14), ("embedding_length", vision["hidden_size"]),
                       ("feed_forward_length", vision["intermediate_size"]), ("block_count", vision["num_hidden_layers"]),
                       ("attention.head_count", heads)):
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    return writer


def put_tower(writer, tensors, prefix, swapped):
    put(writer, "v.patch_embd.weight", tensors[f"{prefix}embeddings.patch_embedding.weight"])
    put(writer, "v.patch_embd.bias", tensors[f"{prefix}embeddings.patch_embedding.bias"])
    put(writer, "v.position_embd.weight", tensors[f"{prefix}embeddings.position_embedding.weight"])
    fc1, fc2 = ("ffn_down", "ffn_up") if swapped else ("ffn_up", "ffn_down")
    parts = {"layer_norm1": "ln1", "layer_norm2": "ln2", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out", "mlp.fc1": fc1, "mlp.fc2": fc2}
    for name, value in tensors.items():
        if name.startswith(f"{prefix}encoder.layers."):
            layer, part = name.removeprefix(f"{prefix}encoder.layers.").split(".", 1)
            owner, kind = part.rsplit(".", 1)
            put(writer, f"v.blk.{layer}.{parts[owner]}.{kind}", value)
    for kind in ("weight", "bias"):
        put(writer, f"v.post_ln.{kind}", tensors[f"{prefix}post_layernorm.{kind}"])


def write_resampler_mmproj(folder, version, number):
    tensors, config, _ = read(version)
    vision = config["vision_config"]
    writer = clip_writer(folder / "mmproj-model-f16.gguf", f"tiny MiniCPM-V {version[1:]} tower", vision,
                         vision["num_attention_heads"])
    writer.add_bool("clip.has_minicpmv_projector", True)
    writer.add_string("clip.projector_type", "resampler")
    writer.add_int32("clip.minicpmv_version", number)
    writer.add_uint32("clip.minicpmv_query_num", config["query_num"])
    writer.add_uint32("clip.vision.projection_dim", 0)
    put_tower(writer, tensors, "vpm.", swapped=True)
    width = config["hidden_size"]
    put(writer, "resampler.query", tensors["resampler.query"], np.float32)
    # Readers recompute this table; one row keeps the file small and the name present.
    put(writer, "resampler.pos_embed_k", np.zeros((1, width), dtype=np.float32), np.float32)
    put(writer, "resampler.kv.weight", tensors["resampler.kv_proj.weight"])
    put(writer, "resampler.proj.weight", tensors["resampler.proj"].T)
    for index, letter in enumerate("qkv"):
        rows = slice(index * width, (index + 1) * width)
        put(writer, f"resampler.attn.{letter}.weight", tensors["resampler.attn.in_proj_weight"][rows])
        put(writer, f"resampler.attn.{letter}.bias", tensors["resampler.attn.in_proj_bias"][rows])
    for kind in ("weight", "bias"):
        put(writer, f"resampler.attn.out.{kind}", tensors[f"resampler.attn.out_proj.{kind}"])
        for norm in ("q", "kv", "post"):
            put(writer, f"resampler.ln_{norm}.{kind}", tensors[f"resampler.ln_{norm}.{kind}"])
    close(writer)


def main():
    import gguf_v4_6
    import gguf_torch
    for version, architecture, pre, number, eos, pad, bos in (
            ("v2.6", "qwen2", "qwen2", 3, "<|im_end|>", "<|endoftext|>", None),
            ("v2.5", "llama", "llama-bpe", 2, "<|eot_id|>", "<|end_of_text|>", "<|begin_of_text|>"),
            ("v4.5", "qwen3", "qwen2", 100045, "<|im_end|>", "<|endoftext|>", None)):
        folder = LADDER / version / "gguf"
        folder.mkdir(exist_ok=True)
        write_llm(folder, version, architecture, pre, eos, pad, bos)
        write_resampler_mmproj(folder, version, number)
        gguf_torch.write_resampler_version(version, folder)
    folder = LADDER / "v4.6" / "gguf"
    folder.mkdir(exist_ok=True)
    gguf_v4_6.write(folder)
    gguf_torch.write_v4_6(folder)


if __name__ == "__main__":
    main()
