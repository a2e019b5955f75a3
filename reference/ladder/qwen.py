"""What the Qwen-based versions share: special tokens, templates, tiny tower and language model."""

QWEN2_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

IMAGE_TOKENS = ["<image>", "</image>", "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<point>", "</point>",
                "<slice>", "</slice>", "<image_id>", "</image_id>", "<unit>", "</unit>"]

PREPROCESSOR = {
    "image_processor_type": "MiniCPMVImageProcessor",
    "auto_map": {"AutoProcessor": "processing_minicpmv.MiniCPMVProcessor",
                 "AutoImageProcessor": "image_processing_minicpmv.MiniCPMVImageProcessor"},
    "processor_class": "MiniCPMVProcessor", "max_slice_nums": 9, "scale_resolution": 448, "patch_size": 14,
    "use_image_id": True, "image_feature_size": 64, "im_start": "<image>", "im_end": "</image>",
    "slice_start": "<slice>", "slice_end": "</slice>", "unk": "<unk>", "im_id_start": "<image_id>",
    "im_id_end": "</image_id>", "slice_mode": True, "norm_mean": [0.5, 0.5, 0.5], "norm_std": [0.5, 0.5, 0.5],
    "version": 2.6}


def keyword_arguments(preprocessor: dict) -> dict:
    drop = ("image_processor_type", "auto_map", "processor_class")
    return {key: value for key, value in preprocessor.items() if key not in drop}


def token_id(tokenizer: dict, content: str) -> int:
    return next(t["id"] for t in tokenizer["added_tokens"] if t["content"] == content)


def tokenizer_config(tokenizer: dict, template: str, **fields) -> dict:
    added = {str(t["id"]): {key: t[key] for key in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")}
             for t in tokenizer["added_tokens"]}
    return {"add_prefix_space": False, "added_tokens_decoder": added, "chat_template": template,
            "clean_up_tokenization_spaces": False, "model_max_length": 131072, **fields}


SLICE_CONFIG = {"max_slice_nums": 9, "patch_size": 14, "model_type": "minicpmv"}


def vision_config(width: int, inner: int, layers: int, heads: int, model_type: str = "siglip") -> dict:
    """The keys of the published vision_config, no others."""
    return {"hidden_size": width, "image_size": 980, "intermediate_size": inner, "model_type": model_type,
            "num_attention_heads": heads, "num_hidden_layers": layers, "patch_size": 14}


GAINS = {
    # Attention must depend on its inputs and logits must be far apart, or every net repeats one token.
    "q_proj.weight": 1.6, "k_proj.weight": 1.6, "in_proj_weight": 1.3, "patch_embedding.weight": 2.0,
    "lm_head": 8.0, "embed_tokens": 0.7,
}
