"""MiniCPM-V 4.0: NaViT tower, resampler, MiniCPM4 as plain Llama with LongRoPE. Run: python reference/ladder/v4_0.py

The model class of this release has the text of 2.6's with another language model; the files of 2.6 stand for it.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, modeling_rope_utils
from transformers.models.llama import modeling_llama

import navit
import qwen
import tiny

SEED = 40001
D, E = 256, 32

TOKENIZER = tiny.sentencepiece_tokenizer([
    "<|im_end|>", "<|im_start|>", "<image>", "</image>", "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>",
    "<point>", "</point>", "<slice>", "</slice>", "<image_id>", "</image_id>"])

TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

# 48 factors that rise as the published 64 do (0.9978 to 31.02), rounded so that every parser reads the same numbers.
FACTORS = [round(0.998 + 30.026 * (i / 47) ** 1.6, 6) for i in range(48)]

CONFIG = {
    "_name_or_path": "openbmb/MiniCPM-V-4", "version": 4.0, "architectures": ["MiniCPMV"],
    "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig", "AutoModel": "modeling_minicpmv.MiniCPMV",
                 "AutoModelForCausalLM": "modeling_minicpmv.MiniCPMV"},
    "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
    "head_dim": 96, "hidden_act": "silu", "hidden_size": D, "initializer_range": 0.1, "intermediate_size": 64,
    "max_position_embeddings": 32768, "num_attention_heads": 2, "num_hidden_layers": 2, "num_key_value_heads": 1,
    "rms_norm_eps": 1e-06,
    "rope_scaling": {"rope_type": "longrope", "factor": 1.0, "long_factor": FACTORS, "short_factor": FACTORS,
                     "original_max_position_embeddings": 32786},
    "rope_theta": 10000.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "transformers_version": "4.46.3",
    "use_cache": True, "vocab_size": tiny.tokenizer_size(TOKENIZER), "batch_vision_input": True,
    "drop_vision_last_layer": False, "image_size": 448, "model_type": "minicpmv", "patch_size": 14, "query_num": 64,
    "slice_config": qwen.SLICE_CONFIG, "slice_mode": True, "use_image_id": True, "vision_batch_size": 16,
    "vision_config": qwen.vision_config(E, 80, 2, 2)}


def make_tower(module):
    config = module.SiglipVisionConfig(**CONFIG["vision_config"])
    config._attn_implementation = "eager"
    return module.SiglipVisionTransformer(config)


def make_resampler(module):
    return module.Resampler(num_queries=CONFIG["query_num"], embed_dim=D, num_heads=D // 128, kv_dim=E, adaptive=True)


def make_llm():
    keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
            "head_dim", "rms_norm_eps", "vocab_size", "max_position_embeddings", "tie_word_embeddings", "bos_token_id",
            "eos_token_id")
    rope = {**CONFIG["rope_scaling"], "rope_theta": CONFIG["rope_theta"]}
    config = LlamaConfig(**{key: CONFIG[key] for key in keys}, rope_parameters=rope, attn_implementation="eager")
    return LlamaForCausalLM(config)


def reset_buffers(assembly):
    assembly.llm.model.rotary_emb = modeling_llama.LlamaRotaryEmbedding(assembly.llm.config)


def spec():
    return {
        "version": "v4.0", "seed": SEED, "dtype": torch.bfloat16, "gains": qwen.GAINS, "tokenizer": TOKENIZER,
        "authority": "tower, resampler, image processor, processor and splice of the official 2.6 files (this release's "
                     "class has the same text); language model of transformers",
        "files": {"modeling_navit_siglip": "v26", "resampler": "v26", "image_processing_minicpmv": "v26",
                  "processing_minicpmv": "v26", "modeling_minicpmv": "v26"},
        "llm_module": modeling_llama, "extra_wide": [modeling_rope_utils], "make_tower": make_tower,
        "make_resampler": make_resampler, "make_llm": make_llm, "reset_buffers": reset_buffers, "config": CONFIG,
        "config_json": CONFIG, "preprocessor": qwen.keyword_arguments(qwen.PREPROCESSOR),
        "preprocessor_json": qwen.PREPROCESSOR,
        "tokenizer_config": qwen.tokenizer_config(
            TOKENIZER, TEMPLATE, bos_token="<s>", eos_token="</s>", pad_token="</s>", unk_token="<unk>",
            add_bos_token=True, legacy=True, tokenizer_class="MiniCPMVTokenizerFast"),
        "pictures": [("landscape.png", (640, 480), 1), ("portrait.png", (300, 700), 5)],
        "notes": ["The tokenizer adds <s>; the published tokenizer files and the image token ids were not read.",
                  "Attention width 192 against hidden size 256, as 4096 against 2560 in the published model."],
    }


if __name__ == "__main__":
    navit.build(spec(), [
        ("landscape", ["landscape.png"], "What is in this image?", True),
        ("portrait", ["portrait.png"], "What is this?", True),
    ])
