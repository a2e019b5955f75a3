"""The tiny 4.6 checkpoint as a qwen35 text file and a minicpmv4_6 projector file; called by gguf_pairs.py."""

import json

import gguf
import numpy as np

from gguf_pairs import LADDER, clip_writer, close, put, put_llm_keys, put_tokenizer, put_tower, read

LINEAR = {"in_proj_qkv.weight": "attn_qkv.weight", "in_proj_z.weight": "attn_gate.weight",
          "in_proj_a.weight": "ssm_alpha.weight", "in_proj_b.weight": "ssm_beta.weight", "dt_bias": "ssm_dt.bias",
          "norm.weight": "ssm_norm.weight", "out_proj.weight": "ssm_out.weight"}
FULL = {"q_proj.weight": "attn_q.weight", "k_proj.weight": "attn_k.weight", "v_proj.weight": "attn_v.weight",
        "o_proj.weight": "attn_output.weight"}
SHIFTED = {"input_layernorm.weight": "attn_norm.weight", "post_attention_layernorm.weight": "post_attention_norm.weight",
           "self_attn.q_norm.weight": "attn_q_norm.weight", "self_attn.k_norm.weight": "attn_k_norm.weight"}


def put_layer(writer, layer, part, value):
    base = f"blk.{layer}."
    if part in SHIFTED:
        put(writer, base + SHIFTED[part], 1 + value)
    elif part == "linear_attn.A_log":
        put(writer, base + "ssm_a", -np.exp(value))
    elif part == "linear_attn.conv1d.weight":
        put(writer, base + "ssm_conv1d.weight", value[:, 0, :], np.float32)
    elif part.startswith("linear_attn."):
        put(writer, base + LINEAR[part.removeprefix("linear_attn.")], value)
    elif part.startswith("self_attn."):
        put(writer, base + FULL[part.removeprefix("self_attn.")], value)
    else:
        put(writer, base + "ffn_" + part.removeprefix("mlp.").replace("_proj", ""), value)


def write_text(folder, tensors, config, tokenizer):
    text = config["text_config"]
    writer = gguf.GGUFWriter(str(folder / "model-f16.gguf"), "qwen35")
    writer.add_name("tiny MiniCPM-V 4.6")
    put_llm_keys(writer, text, text["head_dim"])
    writer.add_rope_freq_base(float(text["rope_parameters"]["rope_theta"]))
    rotary = int(text["head_dim"] * text["partial_rotary_factor"])
    writer.add_rope_dimension_count(rotary)
    writer.add_rope_dimension_sections([3, 3, 2, 0])
    heads, width = text["linear_num_value_heads"], text["linear_value_head_dim"]
    for key, value in (("full_attention_interval", text["full_attention_interval"]),
                       ("ssm.conv_kernel", text["linear_conv_kernel_dim"]), ("ssm.state_size", text["linear_key_head_dim"]),
                       ("ssm.group_count", text["linear_num_key_heads"]), ("ssm.time_step_rank", heads),
                       ("ssm.inner_size", heads * width)):
        writer.add_uint32(f"qwen35.{key}", value)
    template = json.loads((LADDER / "v4.6" / "tokenizer_config.json").read_text())
    put_tokenizer(writer, tokenizer, template, "qwen35", "<|im_end|>", "<|endoftext|>")
    base = "model.language_model."
    put(writer, "token_embd.weight", tensors[base + "embed_tokens.weight"])
    put(writer, "output_norm.weight", 1 + tensors[base + "norm.weight"])
    for name, value in tensors.items():
        if name.startswith(base + "layers."):
            put_layer(writer, *name.removeprefix(base + "layers.").split(".", 1), value)
    close(writer)


def write_projector(folder, tensors, config):
    vision = config["vision_config"]
    writer = clip_writer(folder / "mmproj-model-f16.gguf", "tiny MiniCPM-V 4.6 tower", vision, vision["num_attention_heads"])
    writer.add_string("clip.projector_type", "minicpmv4_6")
    writer.add_uint32("clip.vision.projection_dim", config["text_config"]["hidden_size"])
    writer.add_uint32("clip.vision.projector.scale_factor", 4)
    writer.add_array("clip.vision.wa_layer_indexes", [config["insert_layer_id"]])
    put_tower(writer, tensors, "model.vision_tower.", swapped=False)
    merger = "model.vision_tower.vit_merger."
    names = {"layer_norm1": "ln1", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.out_proj": "attn_out", "pre_norm": "ds_ln", "linear_1": "ds_ffn_up", "linear_2": "ds_ffn_down"}
    for kind in ("weight", "bias"):
        for source, target in names.items():
            put(writer, f"v.vit_merger.{target}.{kind}", tensors[f"{merger}{source}.{kind}"])
        for source, target in (("pre_norm", "input_norm"), ("linear_1", "up"), ("linear_2", "down")):
            put(writer, f"mm.{target}.{kind}", tensors[f"model.merger.mlp.0.{source}.{kind}"])
    close(writer)


def write(folder):
    tensors, config, tokenizer = read("v4.6")
    write_text(folder, tensors, config, tokenizer)
    write_projector(folder, tensors, config)
