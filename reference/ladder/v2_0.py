"""MiniCPM-V 2.0. Run: python reference/ladder/v2_0.py"""

import minicpm2b
import official
import qwen
import tiny

SEED = 20001
D = 128
VISION = {"width": 144, "layers": 3, "heads": 2, "inner": 180}
TOKENIZER = tiny.sentencepiece_tokenizer([], low_specials=minicpm2b.LOW_SPECIALS)

CONFIG = {
    "_name_or_path": "openbmb/MiniCPM-V-2", "architectures": ["MiniCPMV"], "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig", "AutoModel": "modeling_minicpmv.MiniCPMV",
                 "AutoModelForCausalLM": "modeling_minicpmv.MiniCPMV"},
    "bos_token_id": 1, "dim_model_base": 32, "drop_vision_last_layer": True, "eos_token_id": 2, "hidden_act": "silu",
    "hidden_size": D, "image_size": 448, "initializer_range": 0.1, "intermediate_size": 96,
    "max_position_embeddings": 4096, "max_slice_nums": 9, "mm_use_im_start_end": True, "model_type": "minicpmv",
    "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 4, "patch_size": 14, "pretraining_tp": 1,
    "query_num": 64, "rms_norm_eps": 1e-05, "rope_scaling": None, "rope_theta": 10000.0, "scale_depth": 1.4,
    "scale_emb": 12, "scale_resolution": 448, "slice_mode": True, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "transformers_version": "4.36.0", "use_cache": True,
    "vision_encoder": "vit_so400m_patch14_siglip_384.webli", "vocab_size": tiny.tokenizer_size(TOKENIZER)}

PREPROCESSOR = {key: value for key, value in qwen.PREPROCESSOR.items()
                if key not in ("use_image_id", "im_id_start", "im_id_end", "slice_mode", "version")}


def cut(image):
    """The released slicing and placeholder; the placeholder ends with a newline."""
    module = official.load("v20", "image_processing_minicpmv")[0]
    processor = module.MiniCPMVImageProcessor(**qwen.keyword_arguments(PREPROCESSOR))
    grid = processor.get_sliced_grid(image.size)
    return processor.get_sliced_images(image), processor.get_slice_image_placeholder(image.size), grid


def reset_buffers(parts):
    """Rotary tables went through float32: make them anew."""
    decoder, modules = parts[2], parts[3]
    with minicpm2b.wide(*modules, constructing=True):
        for layer in decoder.model.layers:
            layer.self_attn._init_rope()


def spec():
    return {
        "version": "v2.0", "seed": SEED, "vision": VISION, "tokenizer": TOKENIZER, "cut": cut, "adaptive": True,
        "config": {**CONFIG, "adaptive": True}, "config_json": CONFIG, "reset_buffers": reset_buffers,
        "weights_file": "model.safetensors",
        "authority": "official decoder layers, resampler and picture code; tower of timm (the release's own dependency)",
        "pictures": [("landscape.png", (640, 480), 1), ("small.png", (100, 80), 2)],
        "notes": ["The published config names the tower but gives no width or heads: here width 144 with heads of 72, the "
                  "published head width. The tower's GELU is the exact one (timm's default), not the tanh form.",
                  "One <AI> ends the prompt, as the released chat() writes it; the public copy's processor adds a second."],
    }


if __name__ == "__main__":
    minicpm2b.build(spec(), [("landscape", "landscape.png", "What is in this image?"), ("small", "small.png", "Read this.")])
