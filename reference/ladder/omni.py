"""The vision half of o-2.6 and o-4.5 on the weights of 2.6 and 4.5. Run: python reference/ladder/omni.py

Tower, resampler (2-D in both), slicing, placeholder and language model are those of the siblings; what differs is the
configuration, the special tokens and, in o-4.5, the 2-D resampler where 4.5 has the temporal one.
"""

import copy

import navit
import qwen
import v2_6
import v4_5


def renamed(tokenizer, names):
    """The sibling's tokenizer with other names for some added tokens, so that ids and weights stay."""
    changed = copy.deepcopy(tokenizer)
    for token in changed["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    return changed


OMNI_KEYS = {"audio_pool_step": 5, "audio_chunk_length": 1.0, "stream_input": False, "init_vision": True,
             "init_audio": False, "init_tts": False, "use_image_id": True, "vision_batch_size": 16}


def omni_config(config, name, version):
    files = {"AutoConfig": "configuration_minicpm.MiniCPMOConfig", "AutoModel": "modeling_minicpmo.MiniCPMO",
             "AutoModelForCausalLM": "modeling_minicpmo.MiniCPMO"}
    return {**config, "_name_or_path": name, "version": version, "architectures": ["MiniCPMO"], "auto_map": files,
            "model_type": "minicpmo", **OMNI_KEYS}


def spec_o26():
    base = v2_6.spec()
    names = {f"<|reserved_{i}|>": name for i, name in enumerate(["<|audio_start|>", "<|audio_end|>", "<|tts_bos|>", "<|tts_eos|>"])}
    tokenizer = renamed(v2_6.TOKENIZER, names)
    config = omni_config(v2_6.CONFIG, "openbmb/MiniCPM-o-2_6", 2.6)
    return {
        **base, "version": "o2.6", "tokenizer": tokenizer, "config": config, "config_json": config,
        "weights_file": "../v2.6/model.safetensors",
        "tokenizer_config": qwen.tokenizer_config(
            tokenizer, qwen.QWEN2_TEMPLATE, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
            unk_token="<unk>", errors="replace", tokenizer_class="MiniCPMOTokenizerFast"),
        "authority": "official 2.6 files, which o-2.6 shares for pictures; audio parts absent",
        "pictures": [("small.png", (100, 80), 2)],
        "notes": ["Weights of v2.6. The published files also hold apm.*, audio_projection_layer.* and tts.*: not here.",
                  "Names and ids of the audio tokens are placeholders."]}


def make_resampler(module):
    return module.Resampler(num_queries=64, embed_dim=v4_5.D, num_heads=v4_5.D // 128, kv_dim=v4_5.E, adaptive=True)


def spec_o45():
    base = v4_5.spec()
    tokenizer = renamed(v4_5.TOKENIZER, {"<|reserved_0|>": "<answer>", "<|reserved_1|>": "</answer>"})
    config = omni_config(v4_5.CONFIG, "openbmb/MiniCPM-o-4_5", 4.5)
    del config["batch_3d_resampler"]
    preprocessor = {**qwen.PREPROCESSOR, "version": 4.5}
    return {
        **base, "version": "o4.5", "tokenizer": tokenizer, "config": config, "config_json": config,
        "weights_file": "../v4.5/model.safetensors", "make_resampler": make_resampler,
        "files": {"modeling_navit_siglip": "o45", "resampler": "v26", "image_processing_minicpmv": "v26",
                  "processing_minicpmv": "v26", "modeling_minicpmv": "v26"},
        "preprocessor": qwen.keyword_arguments(preprocessor), "preprocessor_json": preprocessor,
        "tokenizer_config": qwen.tokenizer_config(
            tokenizer, v4_5.TEMPLATE, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
            unk_token="<unk>", errors="replace", add_bos_token=False, tokenizer_class="MiniCPMOTokenizerFast"),
        "authority": "official o-4.5 tower file; resampler, picture code and splice of the official 2.6 files",
        "pictures": [("small.png", (100, 80), 2)],
        "notes": ["Weights of v4.5. The published files also hold apm.*, audio_projection_layer.* and tts.*: not here."]}


if __name__ == "__main__":
    for make in (spec_o26, spec_o45):
        navit.build(make(), [("small", ["small.png"], "Read this.", True)])
