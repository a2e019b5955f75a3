"""MiniCPM-V 2.6: NaViT tower, 64-query resampler, Qwen2. Run: python reference/ladder/v2_6.py"""

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen2 import modeling_qwen2

import navit
import qwen
import tiny

SEED = 26002
D, E = 128, 64

TOKENIZER = tiny.byte_level_tokenizer(
    tiny.QWEN2_PATTERN,
    ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *qwen.IMAGE_TOKENS,
     "<|reserved_0|>", "<|reserved_1|>", "<|reserved_2|>", "<|reserved_3|>"],
    inside_vocabulary=["<unk>"])

CONFIG = {
    "_name_or_path": "openbmb/MiniCPM-V-2_6", "version": 2.6, "architectures": ["MiniCPMV"],
    "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig", "AutoModel": "modeling_minicpmv.MiniCPMV",
                 "AutoModelForCausalLM": "modeling_minicpmv.MiniCPMV"},
    "attention_dropout": 0.0, "bos_token_id": qwen.token_id(TOKENIZER, "<|endoftext|>"),
    "eos_token_id": qwen.token_id(TOKENIZER, "<|im_end|>"), "hidden_act": "silu", "hidden_size": D,
    "initializer_range": 0.02, "intermediate_size": 96, "max_position_embeddings": 32768, "max_window_layers": 2,
    "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0, "sliding_window": 131072, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "transformers_version": "4.40.0", "use_cache": True, "use_sliding_window": False,
    "vocab_size": tiny.tokenizer_size(TOKENIZER), "batch_vision_input": True, "drop_vision_last_layer": False,
    "image_size": 448, "model_type": "minicpmv", "patch_size": 14, "query_num": 64, "slice_config": qwen.SLICE_CONFIG,
    "slice_mode": True, "vision_config": qwen.vision_config(E, 112, 3, 4)}


def make_tower(module):
    config = module.SiglipVisionConfig(**CONFIG["vision_config"])
    config._attn_implementation = "eager"
    return module.SiglipVisionTransformer(config)


def make_resampler(module):
    return module.Resampler(num_queries=CONFIG["query_num"], embed_dim=D, num_heads=D // 128, kv_dim=E, adaptive=True)


def make_llm():
    keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
            "rms_norm_eps", "rope_theta", "vocab_size", "max_position_embeddings", "tie_word_embeddings", "bos_token_id",
            "eos_token_id")
    config = Qwen2Config(**{key: CONFIG[key] for key in keys}, attn_implementation="eager")
    return Qwen2ForCausalLM(config)


def reset_buffers(assembly):
    assembly.llm.model.rotary_emb = modeling_qwen2.Qwen2RotaryEmbedding(assembly.llm.config)


def spec():
    return {
        "version": "v2.6", "seed": SEED, "dtype": torch.bfloat16, "gains": qwen.GAINS, "tokenizer": TOKENIZER,
        "authority": "official tower, resampler, image processor, processor and splice; language model of transformers",
        "files": {"modeling_navit_siglip": "v26", "resampler": "v26", "image_processing_minicpmv": "v26",
                  "processing_minicpmv": "v26", "modeling_minicpmv": "v26"},
        "llm_module": modeling_qwen2, "make_tower": make_tower, "make_resampler": make_resampler, "make_llm": make_llm,
        "reset_buffers": reset_buffers, "config": {**CONFIG, "vision_batch_size": 16}, "config_json": CONFIG,
        "preprocessor": qwen.keyword_arguments(qwen.PREPROCESSOR), "preprocessor_json": qwen.PREPROCESSOR,
        "tokenizer_config": qwen.tokenizer_config(
            TOKENIZER, qwen.QWEN2_TEMPLATE, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
            unk_token="<unk>", errors="replace", tokenizer_class="MiniCPMVTokenizerFast"),
        "pictures": [("landscape.png", (640, 480), 1), ("small.png", (100, 80), 2), ("ties.png", (164, 100), 3)],
        "notes": ["The last four of the 20 added tokens have placeholder names: the published file was not read.",
                  "ties: a 25-row grid, where released positions are not floor(70*i/n): i/n falls on a boundary and the "
                  "released float32 step (1/n) rounds below it. reference/ladder/navit.py, chunked_buckets, gives them."],
    }


if __name__ == "__main__":
    navit.build(spec(), [
        ("landscape", ["landscape.png"], "What is in this image?", True),
        ("small", ["small.png"], "Read this.", True),
        ("ties", ["ties.png"], "Read this.", True),
        ("pair", ["landscape.png", "small.png"], "What is the same?", False)])
