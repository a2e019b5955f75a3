"""MiniCPM-V 4.6 with transformers' own class, 16x and 4x. Run: python reference/ladder/v4_6.py"""

import json
from types import SimpleNamespace

import numpy as np
import PIL.Image
import torch
from transformers import MiniCPMV4_6Config, MiniCPMV4_6ForConditionalGeneration
from transformers.models.minicpmv4_6 import modeling_minicpmv4_6 as vision_module
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.minicpmv4_6.processing_minicpmv4_6 import MiniCPMV4_6Processor
from transformers.models.qwen3_5 import modeling_qwen3_5

import navit
import qwen
import tiny
from float64 import wide
from taps import Capture, Taps, pixel_hash

SEED = 46003
MODULES = (vision_module, modeling_qwen3_5)

TOKENIZER = tiny.byte_level_tokenizer(
    tiny.QWEN35_PATTERN,
    ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
     "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>",
     "</think>", "<unk>", "<image>", "</image>", "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<point>",
     "</point>", "<slice>", "</slice>", "<image_id>", "</image_id>"],
    plain_added=("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"))

# Renders as the published template does for the messages used here; tools and past reasoning are left out.
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.content is string %}{{- message.content | trim }}{%- else %}{%- set ns = namespace(parts=[]) %}"
    "{%- for item in message.content %}{%- set ns.parts = ns.parts + ['<|image_pad|>' if item.type == 'image' "
    "else item.text] %}{%- endfor %}{{- ns.parts | join('\n') | trim }}{%- endif %}{{- '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- if enable_thinking is defined and "
    "enable_thinking %}{{- '<think>\n' }}{%- else %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}")

CONFIG = {
    "architectures": ["MiniCPMV4_6ForConditionalGeneration"], "bos_token_id": None, "drop_vision_last_layer": False,
    "eos_token_id": qwen.token_id(TOKENIZER, "<|endoftext|>"), "image_size": 1120, "model_type": "minicpmv4_6",
    "pad_token_id": None, "tie_word_embeddings": True, "transformers_version": "5.7.0", "use_cache": True,
    "vision_config": {
        "attention_dropout": 0.0, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 32, "image_size": 980,
        "intermediate_size": 48, "layer_norm_eps": 1e-06, "model_type": "minicpmv4_6_vision", "num_attention_heads": 2,
        "num_channels": 3, "num_hidden_layers": 4, "patch_size": 14},
    "text_config": {
        "attention_bias": False, "attention_dropout": 0.0, "attn_output_gate": True, "full_attention_interval": 4,
        "head_dim": 64, "hidden_act": "silu", "hidden_size": 64, "initializer_range": 0.02, "intermediate_size": 96,
        "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
        "linear_conv_kernel_dim": 4, "linear_key_head_dim": 32, "linear_num_key_heads": 2, "linear_num_value_heads": 2,
        "linear_value_head_dim": 32, "mamba_ssm_dtype": "float32", "max_position_embeddings": 262144,
        "mlp_only_layers": [], "mtp_num_hidden_layers": 1, "mtp_use_dedicated_embeddings": False,
        "num_attention_heads": 4, "num_hidden_layers": 4, "num_key_value_heads": 2, "partial_rotary_factor": 0.25,
        "rms_norm_eps": 1e-06,
        "rope_parameters": {"partial_rotary_factor": 0.25, "rope_theta": 10000000, "rope_type": "default"},
        "vocab_size": tiny.tokenizer_size(TOKENIZER), "model_type": "qwen3_5_text", "tie_word_embeddings": True},
    "insert_layer_id": 1, "image_token_id": qwen.token_id(TOKENIZER, "<|image_pad|>"),
    "video_token_id": qwen.token_id(TOKENIZER, "<|video_pad|>")}

PREPROCESSOR = {
    "image_processor_type": "MiniCPMV4_6ImageProcessor", "processor_class": "MiniCPMV4_6Processor", "max_slice_nums": 9,
    "scale_resolution": 448, "patch_size": 14, "use_image_id": True, "slice_mode": True,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


def norm_base(name):
    """RMSNorms of the language model store w and use 1 + w, except the gated norm inside linear attention."""
    if name.endswith("language_model.norm.weight"):
        return 5.0  # Small embeddings keep a token from predicting itself; this spreads the tied logits again.
    return 0.0 if "language_model" in name and "linear_attn.norm" not in name else 1.0


GAINS = {"out_proj.weight": 1.5, "o_proj.weight": 1.5, "down_proj.weight": 1.5, "q_proj.weight": 1.6, "k_proj.weight": 1.6, "patch_embedding.weight": 2.0, "embed_tokens": 0.1,
         "norm_base": norm_base}
SPECIAL = {"image_start_token": "<image>", "image_end_token": "</image>", "slice_start_token": "<slice>",
           "slice_end_token": "</slice>", "image_id_start_token": "<image_id>", "image_id_end_token": "</image_id>",
           "image_token": "<|image_pad|>"}


def make_model():
    with wide(*MODULES, constructing=True):
        config = MiniCPMV4_6Config(**json.loads(json.dumps(CONFIG)))
        config._attn_implementation = "eager"
        model = MiniCPMV4_6ForConditionalGeneration._from_config(config, attn_implementation="eager").eval()
    return model.to(torch.float64)


def raw_views(images, mode):
    """The resized views as pictures: the processor's patches without rescale and normalise, put together again."""
    processor = MiniCPMV4_6ImageProcessorPil(**qwen.keyword_arguments(PREPROCESSOR))
    raw = processor(images, downsample_mode=mode, do_rescale=False, do_normalize=False)
    strip, start, views = np.asarray(raw["pixel_values"])[0], 0, []
    for rows, columns in np.asarray(raw["target_sizes"]).tolist():
        part = strip[:, :, start * 14:(start + rows * columns) * 14].reshape(3, 14, rows, columns, 14)
        views.append(PIL.Image.fromarray(part.transpose(2, 1, 3, 4, 0).reshape(rows * 14, columns * 14, 3).astype(np.uint8)))
        start += rows * columns
    return views


def expand(tokenizer, images, question, mode):
    """The processor's own placeholder code on its own picture features."""
    processor = MiniCPMV4_6ImageProcessorPil(**qwen.keyword_arguments(PREPROCESSOR))
    features = processor(images, downsample_mode=mode)
    holder = SimpleNamespace(slice_mode=PREPROCESSOR["slice_mode"], **SPECIAL)
    divisor = 4 if mode == "4x" else 16
    for key in ("target_sizes",):
        features[key] = np.asarray(features[key])
    content = [{"type": "image"} for _ in images] + [{"type": "text", "text": question}]
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    replace = MiniCPMV4_6Processor.replace_image_token.__get__(holder)
    texts = [replace(features, image_idx=i, image_token_divisor=divisor) for i in range(len(images))]
    texts = MiniCPMV4_6Processor._prepend_local_ids.__get__(holder)([prompt], texts, "<|image_pad|>")
    parts = prompt.split("<|image_pad|>")
    expanded = parts[0] + "".join(text + part for text, part in zip(texts, parts[1:]))
    return features, prompt, expanded


def plans(images, features, views):
    """As in the other versions' manifests: the grid is columns × rows, absent without slices."""
    result, start = [], 0
    for image, grid, count in zip(images, features["grids"], features["num_patches_per_image"]):
        rows, columns = map(int, grid)
        part = views[start:start + int(count)]
        result.append({"source": list(image.size), "grid": [columns, rows] if rows else None,
                       "views": [pixel_hash(view) for view in part]})
        start += int(count)
    return result


def runs(positions):
    """[start, end) of every run of image tokens."""
    starts = [p for i, p in enumerate(positions) if i == 0 or positions[i - 1] != p - 1]
    ends = [p + 1 for i, p in enumerate(positions) if i + 1 == len(positions) or positions[i + 1] != p + 1]
    return [list(pair) for pair in zip(starts, ends)]


def hook(model, capture):
    tower, language = model.model.vision_tower, model.model.language_model
    capture.input("position_ids", tower.embeddings.position_embedding)
    capture.output("embeddings", tower.embeddings)
    for index, layer in enumerate(tower.encoder.layers):
        capture.output(f"block{index}", layer)
    capture.output("vit_merger", tower.vit_merger)
    capture.output("post_norm", tower.post_layernorm)
    for index, layer in enumerate(language.layers):
        capture.output(f"decoder{index}", layer)
        capture.output(f"decoder{index}.mixer", layer.linear_attn if hasattr(layer, "linear_attn") else layer.self_attn)
    capture.output("final_norm", language.norm)


def tap_vision(taps, case, captured, merged, pixels, grids, mode):
    sizes = [rows * columns for rows, columns in grids]
    strip = pixels[0]
    for view, size in enumerate(sizes):
        name, before = f"{case}.view{view}", sum(sizes[:view])
        part = strip[:, :, before * 14:(before + size) * 14].reshape(3, 14, size, 14).permute(2, 0, 1, 3).reshape(size, 588)
        taps.rows(f"{name}.patches", part, 4, np.float32)
        taps.whole(f"{name}.position_ids", captured["position_ids"][0][before:before + size], np.int32)
        for stage, values in captured.items():
            if stage.startswith(("embeddings", "block", "vit_merger", "post_norm")):
                rows = values[0][0]
                shrink = sum(sizes) // rows.shape[0]
                taps.rows(f"{name}.{stage}", rows[before // shrink:(before + size) // shrink])
        taps.rows(f"{name}.merger", merged[view])


@torch.inference_mode()
def run_case(model, tokenizer, taps, case, names, folder, question, mode):
    images = [PIL.Image.open(folder / name).convert("RGB") for name in names]
    features, prompt, expanded = expand(tokenizer, images, question, mode)
    ids = torch.tensor([tokenizer.encode(expanded)])
    pixels = torch.as_tensor(np.asarray(features["pixel_values"])).to(torch.float64)
    grids = torch.as_tensor(features["target_sizes"])
    capture, spliced = Capture(), []
    hook(model, capture)
    handle = model.model.language_model.register_forward_pre_hook(
        lambda _m, _a, kwargs: spliced.append(kwargs["inputs_embeds"].clone()), with_kwargs=True)
    with wide(*MODULES):
        model(input_ids=ids, pixel_values=pixels, target_sizes=grids, downsample_mode=mode, use_cache=False)
        captured = capture.values
        capture.remove()
        handle.remove()
        merged = model.get_image_features(pixels, grids, downsample_mode=mode).pooler_output
        alone, start = [], 0
        for rows, columns in grids.tolist():
            part = pixels[..., start * 14:(start + rows * columns) * 14]
            alone += model.get_image_features(part, torch.tensor([[rows, columns]]), downsample_mode=mode).pooler_output
            start += rows * columns
        embeds = spliced[0]
        assembly = SimpleNamespace(llm=model)
        result = navit.greedy(assembly, embeds, {})
        checks = navit.cross_checks(assembly, {}, embeds, result)
        where = (ids[0] == CONFIG["image_token_id"]).nonzero()[:, 0]
        blank = embeds.clone()
        blank[0, where[len(where) // 2:]] = 0
        checks["logitsMovedByBlankViews"] = navit.agreement(result[2][0], model(inputs_embeds=blank, use_cache=False).logits[0, -1])
    checks["viewsTogetherAgainstAloneNmse"] = navit.agreement(torch.cat(merged), torch.cat(alone))
    ends = np.cumsum([r * c for r, c in grids.tolist()])
    seen = np.split(captured["position_ids"][0].numpy(), ends[:-1])
    checks.update(navit.position_check(seen, grids.tolist()))
    taps.whole(f"{case}.input_ids", ids[0], np.int32)
    taps.whole(f"{case}.image_bounds", runs(where.tolist()), np.int32)
    tap_vision(taps, case, captured, merged, pixels, grids.tolist(), mode)
    navit.tap_language(taps, case, captured, embeds, result, True)
    views = raw_views(images, mode)
    tokens, margins = result[0], result[1]
    print(case, ids.shape[1], "margin", min(margins), "distinct", len(set(tokens)), checks)
    return {"files": names, "downsampleMode": mode, "question": question, "prompt": prompt, "expandedPrompt": expanded,
            "images": plans(images, features, views), "imageBounds": runs(where.tolist()), "patchGrids": grids.tolist(), "promptTokens": int(ids.shape[1]),
            "viewTokens": [int(part.shape[0]) for part in merged], "greedyTokens": tokens, "text": tokenizer.decode(tokens),
            "smallestMargin": min(margins), "distinctTokens": len(set(tokens)), "checks": checks}


@torch.inference_mode()
def released_float32(model, tokenizer, folder, case, reports, taps):
    """The same case in plain float32; the model is of no use afterwards."""
    report = reports[case]
    images = [PIL.Image.open(folder / name).convert("RGB") for name in report["files"]]
    features, _, expanded = expand(tokenizer, images, report["question"], report["downsampleMode"])
    model.to(torch.float32)
    logits = model(input_ids=torch.tensor([tokenizer.encode(expanded)]), use_cache=False,
                   pixel_values=torch.as_tensor(np.asarray(features["pixel_values"])),
                   target_sizes=torch.as_tensor(features["target_sizes"]), downsample_mode=report["downsampleMode"]).logits
    report["checks"]["releasedFloat32LogitsNmse"] = navit.agreement(
        torch.from_numpy(taps.tensors[f"{case}.logits_last"]), logits[0, -1])


def main():
    folder = navit.OUT / "v4.6"
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model()
    tensors = tiny.seed_module(model, "", SEED, GAINS)
    model.tie_weights()
    config = qwen.tokenizer_config(TOKENIZER, TEMPLATE, bos_token="<|im_start|>", eos_token="<|im_end|>",
                                   pad_token="<|endoftext|>", unk_token="<unk>")
    tokenizer = navit.make_tokenizer({"tokenizer": TOKENIZER, "tokenizer_config": config}, folder)
    tiny.picture(640, 480, 1).save(folder / "landscape.png", optimize=True)
    tiny.picture(100, 80, 2).save(folder / "small.png", optimize=True)
    taps, reports = Taps(), {}
    for case, names, question, mode in (
            ("landscape", ["landscape.png"], "What is in this image?", "16x"),
            ("small", ["small.png"], "Read this.", "16x"),
            ("landscape_4x", ["landscape.png"], "What is in this image?", "4x")):
        reports[case] = run_case(model, tokenizer, taps, case, names, folder, question, mode)
    for case in reports:
        released_float32(model, tokenizer, folder, case, reports, taps)
        print(case, reports[case]["checks"]["releasedFloat32LogitsNmse"])
    navit.checkpoint(tensors, torch.bfloat16, folder)
    tiny.write_json(folder / "config.json", CONFIG)
    tiny.write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    taps.write(folder / "taps.safetensors")
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    manifest = {
        "version": "v4.6", "authority": "transformers MiniCPMV4_6ForConditionalGeneration, MiniCPMV4_6ImageProcessorPil and "
        "the placeholder code of MiniCPMV4_6Processor", "versions": navit.versions(), "seed": SEED,
        "weightsFile": "model.safetensors",
        "arithmetic": "float64 (float32 upcasts widened; see reference/ladder/float64.py)",
        "weights": "rounded so that float16 and bfloat16 both hold them exactly", "stops": "ignored while generating",
        "chatTemplate": TEMPLATE,
        "notes": ["config keys and values follow the published config.json, scaled down; insert_layer_id 1 instead of 6.",
                  "In 4x mode the released processor rounds sizes to 28 pixels, in 16x mode to 56.",
                  "Pictures are resized by Pillow (the processor for pictures without torchvision).",
                  "chatTemplate renders as the published one for one user turn; it is not the published text."],
        "cases": reports, "stages": taps.stages}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
