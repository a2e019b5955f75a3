"""MiniCPM-V 4.5: NaViT tower, resampler with temporal positions, Qwen3. Run: python reference/ladder/v4_5.py"""

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from transformers.models.qwen3 import modeling_qwen3

import navit
import qwen
import tiny

SEED = 45001
D, E = 128, 32

TOKENIZER = tiny.byte_level_tokenizer(
    tiny.QWEN2_PATTERN,
    ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>",
     "<tool_response>", "</tool_response>", "<think>", "</think>", *qwen.IMAGE_TOKENS, "<|reserved_0|>", "<|reserved_1|>"],
    plain_added=("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
    inside_vocabulary=["<unk>"])

# Renders as the published template does for plain turns; tools and past reasoning are left out.
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- if enable_thinking is defined and enable_thinking is true %}{{- '<think>\n' }}{%- endif %}{%- endif %}")

CONFIG = {
    "_name_or_path": "openbmb/MiniCPM-V-4_5", "version": 4.5, "architectures": ["MiniCPMV"],
    "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig", "AutoModel": "modeling_minicpmv.MiniCPMV",
                 "AutoModelForCausalLM": "modeling_minicpmv.MiniCPMV"},
    "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": qwen.token_id(TOKENIZER, "<|endoftext|>"),
    "eos_token_id": qwen.token_id(TOKENIZER, "<|im_end|>"), "head_dim": 32, "hidden_act": "silu", "hidden_size": D,
    "initializer_range": 0.02, "intermediate_size": 96, "max_position_embeddings": 40960, "max_window_layers": 2,
    "num_attention_heads": 6, "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
    "rope_scaling": None, "rope_theta": 1000000, "sliding_window": None, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": True, "use_sliding_window": False,
    "vocab_size": tiny.tokenizer_size(TOKENIZER), "batch_vision_input": True, "batch_3d_resampler": True,
    "drop_vision_last_layer": False, "image_size": 448, "model_type": "minicpmv", "patch_size": 14, "query_num": 64,
    "slice_config": qwen.SLICE_CONFIG, "slice_mode": True, "vision_config": qwen.vision_config(E, 80, 3, 2)}


def make_tower(module):
    config = module.SiglipVisionConfig(**CONFIG["vision_config"])
    config._attn_implementation = "eager"
    return module.SiglipVisionTransformer(config)


def make_resampler(module):
    return module.Resampler(num_queries=CONFIG["query_num"], embed_dim=D, num_heads=D // 128, kv_dim=E, adaptive=True,
                            max_temporal_size=64, batch_infer=CONFIG["batch_3d_resampler"])


def make_llm():
    keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
            "head_dim", "rms_norm_eps", "rope_theta", "vocab_size", "max_position_embeddings", "tie_word_embeddings",
            "bos_token_id", "eos_token_id")
    return Qwen3ForCausalLM(Qwen3Config(**{key: CONFIG[key] for key in keys}, attn_implementation="eager"))


def reset_buffers(assembly):
    assembly.llm.model.rotary_emb = modeling_qwen3.Qwen3RotaryEmbedding(assembly.llm.config)


def spec():
    return {
        "version": "v4.5", "seed": SEED, "dtype": torch.bfloat16, "gains": qwen.GAINS, "tokenizer": TOKENIZER,
        "authority": "official tower, resampler, image processor, processor and splice; language model of transformers",
        "files": {"modeling_navit_siglip": "v45", "resampler": "v45", "image_processing_minicpmv": "v45",
                  "processing_minicpmv": "v45", "modeling_minicpmv": "v45"},
        "llm_module": modeling_qwen3, "make_tower": make_tower, "make_resampler": make_resampler, "make_llm": make_llm,
        "reset_buffers": reset_buffers, "config": {**CONFIG, "vision_batch_size": 16}, "config_json": CONFIG,
        "template_options": {"enable_thinking": False},
        "preprocessor": qwen.keyword_arguments(qwen.PREPROCESSOR), "preprocessor_json": qwen.PREPROCESSOR,
        "tokenizer_config": qwen.tokenizer_config(
            TOKENIZER, TEMPLATE, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
            unk_token="<unk>", errors="replace", add_bos_token=False, tokenizer_class="MiniCPMVTokenizerFast"),
        "pictures": [("landscape.png", (640, 480), 1), ("small.png", (100, 80), 2), ("frame.png", (100, 80), 4)],
        "notes": ["config keys and values follow the published config.json, scaled down; attention width 192 differs from "
                  "hidden size 128, which the published 4.5 does not have.",
                  "video: three frames in one group with temporal ids 0, 3 and 7, no image ids, one view each.",
                  "chatTemplate renders as the published one for plain turns; it is not the published text."],
    }


if __name__ == "__main__":
    navit.build(spec(), [
        ("landscape", ["landscape.png"], "What is in this image?", True),
        ("video", ["small.png", "frame.png", "small.png"], "What is this?", True,
         {"call": {"temporal_ids": [[0, 3, 7]], "use_image_id": False, "max_slice_nums": 1}}),
    ])
