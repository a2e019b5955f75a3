"""MiniCPM-Llama3-V 2.5: Idefics2 tower on strips, 96-query resampler, Llama 3. Run: python reference/ladder/v2_5.py

The release ran transformers 4.40, whose Idefics2 tower computed positions as the 2.6 tower file does when it gets no
grid; newer transformers compute them with other roundings. The tower here is therefore the 2.6 file without grids; it
is checked against the installed Idefics2 tower with 4.40's positions.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.idefics2 import modeling_idefics2
from transformers.models.idefics2.configuration_idefics2 import Idefics2VisionConfig
from transformers.models.llama import modeling_llama

import float64
import navit
import qwen
import tiny

SEED = 25001
D, E = 128, 32

TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}")

TOKENIZER = tiny.byte_level_tokenizer(
    tiny.LLAMA3_PATTERN,
    ["<|begin_of_text|>", "<|end_of_text|>", "<unk>", "<|reserved_special_token_1|>", "<|reserved_special_token_2|>",
     "<|reserved_special_token_3|>", "<|start_header_id|>", "<|end_header_id|>", "<|reserved_special_token_4|>",
     "<|eot_id|>", "<image>", "</image>", "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<point>",
     "</point>", "<slice>", "</slice>", "<|reserved_special_token_17|>"],
    normalizer=False, ignore_merges=True)

CONFIG = {
    "_name_or_path": "openbmb/MiniCPM-Llama3-V-2_5", "version": "2.5", "architectures": ["MiniCPMV"],
    "attention_bias": False, "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig", "AutoModel": "modeling_minicpmv.MiniCPMV",
                 "AutoModelForCausalLM": "modeling_minicpmv.MiniCPMV"},
    "batch_vision_input": True, "bos_token_id": qwen.token_id(TOKENIZER, "<|begin_of_text|>"),
    "drop_vision_last_layer": False, "eos_token_id": qwen.token_id(TOKENIZER, "<|end_of_text|>"), "hidden_act": "silu",
    "hidden_size": D, "image_size": 448, "initializer_range": 0.02, "intermediate_size": 96,
    "max_position_embeddings": 8192, "mm_use_im_start_end": True, "model_type": "minicpmv", "num_attention_heads": 4,
    "num_hidden_layers": 2, "num_key_value_heads": 1, "patch_size": 14, "pretraining_tp": 1, "query_num": 96,
    "rms_norm_eps": 1e-05, "rope_scaling": None, "rope_theta": 500000.0, "slice_config": qwen.SLICE_CONFIG,
    "slice_mode": True, "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.40.0",
    "use_cache": False, "vision_config": qwen.vision_config(E, 80, 3, 2, "idefics2"),
    "vocab_size": tiny.tokenizer_size(TOKENIZER)}

PREPROCESSOR = {key: value for key, value in qwen.PREPROCESSOR.items()
                if key not in ("use_image_id", "im_id_start", "im_id_end", "slice_mode")}
PREPROCESSOR.update(image_feature_size=96, version=2.5)


def make_tower(module):
    config = module.SiglipVisionConfig(**{**CONFIG["vision_config"], "model_type": "siglip"})
    config._attn_implementation = "eager"
    return module.SiglipVisionTransformer(config)


def make_resampler(module):
    return module.Resampler(num_queries=CONFIG["query_num"], embed_dim=D, num_heads=D // 128, kv_dim=E, adaptive=True)


def make_llm():
    keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
            "rms_norm_eps", "rope_theta", "vocab_size", "max_position_embeddings", "tie_word_embeddings", "bos_token_id",
            "eos_token_id")
    return LlamaForCausalLM(LlamaConfig(**{key: CONFIG[key] for key in keys}, attn_implementation="eager"))


def reset_buffers(assembly):
    assembly.llm.model.rotary_emb = modeling_llama.LlamaRotaryEmbedding(assembly.llm.config)


def expand(processor, images, prompt, _call):
    """This release's processor takes one string and one list of pictures, not batches."""
    return processor.expand(processor.image_processor.preprocess(images), prompt)


def agreements(assembly):
    """The same weights through transformers' Idefics2 tower, given the embeddings of the 4.40 text."""
    config = Idefics2VisionConfig(**{**CONFIG["vision_config"], "model_type": "idefics2_vision"})
    config._attn_implementation = "eager"
    tower = modeling_idefics2.Idefics2VisionTransformer(config).to(torch.float64).eval()
    tower.load_state_dict(assembly.vpm.state_dict())
    tower.embeddings.forward = assembly.vpm.embeddings.forward
    pixels = torch.from_numpy(tiny.seeded_values("pixels", (2, 3, 14, 14 * 37), SEED, {}))
    mask = torch.ones((2, 1, 37), dtype=torch.bool)
    with float64.wide(*assembly.wide_modules, modeling_idefics2), torch.inference_mode():
        ours = assembly.vpm(pixels, patch_attention_mask=mask).last_hidden_state
        other = tower(pixels, patch_attention_mask=mask).last_hidden_state
    return {"towerAgainstIdefics2Nmse": navit.agreement(ours, other)}


def spec():
    return {
        "version": "v2.5", "seed": SEED, "dtype": torch.float16, "gains": qwen.GAINS, "tokenizer": TOKENIZER,
        "authority": "official resampler, image processor, processor, padding and splice; tower as in the module's text; "
                     "language model of transformers",
        "files": {"modeling_navit_siglip": "v26", "resampler": "v25", "image_processing_minicpmv": "v25",
                  "processing_minicpmv": "v25", "modeling_minicpmv": "v25"},
        "llm_module": modeling_llama, "make_tower": make_tower, "make_resampler": make_resampler, "make_llm": make_llm,
        "reset_buffers": reset_buffers, "agreements": agreements, "config": CONFIG, "config_json": CONFIG, "expand": expand,
        "position_rule": "strip",
        "preprocessor": qwen.keyword_arguments(PREPROCESSOR), "preprocessor_json": PREPROCESSOR,
        "tokenizer_config": {key: value for key, value in qwen.tokenizer_config(
            TOKENIZER, TEMPLATE, bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>", pad_token="!",
            unk_token="<unk>", tokenizer_class="MiniCPMVTokenizerFast").items() if key != "add_prefix_space"},
        "pictures": [("landscape.png", (640, 480), 1), ("small.png", (100, 80), 2)],
        "notes": ["landscape and small: released behaviour (one padded batch, padding visible, positions along the strip "
                  "of the longest view). landscape_per_view: batch_vision_input false, each view by itself.",
                  "Strip positions are not floor(70*k/L) where a fraction falls on a boundary: the released float32 "
                  "arithmetic is 8 lanes wide (navit.py, chunked_buckets). See checks.positionsAre*.",
                  "The tokenizer adds no begin token by itself: the template writes one. Whether the published "
                  "tokenizer.json adds a second one was not read."],
    }


if __name__ == "__main__":
    navit.build(spec(), [
        ("landscape", ["landscape.png"], "What is in this image?", True),
        ("small", ["small.png"], "Read this.", True),
        ("landscape_per_view", ["landscape.png"], "What is in this image?", True, {"batch_vision_input": False}),
    ])
