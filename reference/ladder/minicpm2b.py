"""The ladder of 2.0 and 1.0: timm tower without its last block, resampler with stored query positions, MiniCPM-2B.

Official: the decoder layers of modeling_minicpm.py, the resampler file, the picture code; the tower is timm's. Around
the layers stand three lines that the same file has: embedding * scale_emb, final norm, hidden / (width / dim_model_base).
"""

import json
import math
from types import SimpleNamespace

import numpy as np
import PIL.Image
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

import navit
import official
import qwen
import tiny
from float64 import wide
from taps import Capture, Taps, pixel_hash

GAINS = {"q_proj.weight": 1.6, "k_proj.weight": 1.6, "attn.qkv.weight": 1.3, "in_proj_weight": 1.3,
         "patch_embed.proj.weight": 2.0, "lm_head": 16.0, "embed_tokens": 0.08}
LOW_SPECIALS = ["<image>", "</image>", "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<point>", "</point>",
                "<slice>", "</slice>"]


class Decoder(nn.Module):
    """embed_tokens, layers, norm under `model.` and lm_head, as the released names have them."""

    def __init__(self, module, config):
        super().__init__()
        self.config = config
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.model.layers = nn.ModuleList(
            [module.MiniCPMDecoderLayer(config, index) for index in range(config.num_hidden_layers)])
        self.model.norm = module.MiniCPMRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def forward(self, inputs_embeds, use_cache=False):
        count = inputs_embeds.shape[1]
        positions = torch.arange(count)[None]
        mask = torch.full((count, count), torch.finfo(inputs_embeds.dtype).min, dtype=inputs_embeds.dtype).triu(1)
        hidden = inputs_embeds
        for layer in self.model.layers:
            hidden = layer(hidden, attention_mask=mask[None, None], position_ids=positions)[0]
        hidden = self.model.norm(hidden)
        return SimpleNamespace(logits=self.lm_head(hidden / (self.config.hidden_size / self.config.dim_model_base)))


def make_parts(config, vision):
    minicpm = official.allow_missing_names("v20", "modeling_minicpm")
    configuration, resampler = official.load("v20", "configuration_minicpm", "resampler")
    _timm, transformer = official.import_timm()
    modules = (minicpm, resampler, transformer)
    keys = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "rms_norm_eps", "scale_emb", "scale_depth", "dim_model_base", "max_position_embeddings")
    llm_config = SimpleNamespace(
        **{key: config[key] for key in keys}, attention_dropout=0.0, attention_bias=False, rope_theta=10000.0,
        rope_scaling=None, pretraining_tp=1, hidden_act="silu", _attn_implementation="eager")
    del configuration
    with wide(*modules, constructing=True):
        tower = transformer.VisionTransformer(
            img_size=378, patch_size=14, embed_dim=vision["width"], depth=vision["layers"], num_heads=vision["heads"],
            mlp_ratio=vision["inner"] / vision["width"], class_token=False, global_pool="map", num_classes=0,
            dynamic_img_size=True, dynamic_img_pad=True)
        tower.attn_pool = nn.Identity()
        if config["drop_vision_last_layer"]:
            tower.blocks = tower.blocks[:-1]
        connector = resampler.Resampler(
            grid_size=int(math.sqrt(config["query_num"])), embed_dim=config["hidden_size"],
            num_heads=config["hidden_size"] // 128, kv_dim=vision["width"], adaptive=config["adaptive"])
        decoder = Decoder(minicpm, llm_config)
    return tower.eval(), connector.eval(), decoder.eval(), modules


def seed_parts(tower, connector, decoder, seed):
    tensors = {}
    for prefix, part in (("vpm.", tower), ("resampler.", connector), ("llm.", decoder)):
        tensors.update(tiny.seed_module(part, prefix, seed, GAINS, ("resampler.pos_embed",)))
    table = connector.pos_embed.detach().clone()
    # The published files hold this table in bfloat16; so does this one, and the module uses the rounded numbers.
    rounded = table.to(torch.bfloat16).to(torch.float64)
    with torch.no_grad():
        connector.pos_embed.copy_(rounded)
    tensors["resampler.pos_embed"] = rounded
    return tensors


def make_tokenizer(tokenizer_json, folder):
    config = qwen.tokenizer_config(
        tokenizer_json, "", bos_token="<s>", eos_token="</s>", pad_token="<unk>", unk_token="<unk>", add_bos_token=True,
        add_eos_token=False, legacy=True, tokenizer_class="MiniCPMVTokenizer")
    del config["chat_template"]
    tiny.write_json(folder / "tokenizer.json", tokenizer_json)
    tiny.write_json(folder / "tokenizer_config.json", config)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>",
                                        unk_token="<unk>")
    tokenizer.im_start_id, tokenizer.im_end_id = (tokenizer.convert_tokens_to_ids(t) for t in ("<image>", "</image>"))
    tokenizer.add_bos_token = True
    return tokenizer


def embed(tower, connector, decoder, views, ids, bounds, scale, adaptive):
    """get_vision_embedding and the splice of the model file, per view."""
    rows = []
    for view in views:
        grid = (view.shape[-2] // 14, view.shape[-1] // 14)
        rows.append(connector(tower.forward_features(view[None]), grid)[0])
    embeds = decoder.get_input_embeddings()(ids) * scale
    for (start, end), row in zip(bounds.tolist(), rows):
        embeds[0, start:end] = row
    return embeds, rows


def hook(tower, connector, decoder, capture):
    capture.output("patch_embed", tower.patch_embed)
    capture.output("embeddings", tower.norm_pre)
    for index, block in enumerate(tower.blocks):
        capture.output(f"block{index}", block)
    capture.output("post_norm", tower.norm)
    for index, layer in enumerate(decoder.model.layers):
        capture.output(f"decoder{index}", layer)
    capture.output("final_norm", decoder.model.norm)


def normalised(picture):
    """ToTensor and Normalize(0.5, 0.5) of the release, in its float32."""
    array = np.asarray(picture, dtype=np.float32) / 255
    return torch.from_numpy(((array - np.float32(0.5)) / np.float32(0.5)).transpose(2, 0, 1)).to(torch.float64)


@torch.inference_mode()
def run_case(parts, tokenizer, spec, taps, case, file, question, folder):
    tower, connector, decoder, modules = parts
    image = PIL.Image.open(folder / file).convert("RGB")
    views, placeholder, grid = spec["cut"](image)
    text = "<用户>" + placeholder + question + "<AI>"
    ids = torch.tensor([tokenizer.encode(text)])
    starts = (ids[0] == tokenizer.im_start_id).nonzero()[:, 0] + 1
    bounds = torch.stack([starts, (ids[0] == tokenizer.im_end_id).nonzero()[:, 0]], dim=1)
    capture = Capture()
    hook(tower, connector, decoder, capture)
    pixels = [normalised(view) for view in views]
    with wide(*modules):
        embeds, rows = embed(tower, connector, decoder, pixels, ids, bounds, decoder.config.scale_emb, spec["adaptive"])
        decoder(inputs_embeds=embeds)
        captured = capture.values
        capture.remove()
        assembly = SimpleNamespace(llm=decoder)
        result = navit.greedy(assembly, embeds, {"scale_emb": decoder.config.scale_emb})
        checks = navit.cross_checks(assembly, {"generate": False}, embeds, result)
        checks["logitsMovedByBlankViews"] = navit.blank_check(assembly, embeds, bounds, result[2][0])
    for part in (tower, connector, decoder):
        part.to(torch.float32)
    plain, _ = embed(tower, connector, decoder, [p.to(torch.float32) for p in pixels], ids, bounds, decoder.config.scale_emb,
                     spec["adaptive"])
    checks["releasedFloat32LogitsNmse"] = navit.agreement(result[2][0], decoder(inputs_embeds=plain).logits[0, -1])
    for part in (tower, connector, decoder):
        part.to(torch.float64)
    spec["reset_buffers"](parts)
    taps.whole(f"{case}.input_ids", ids[0], np.int32)
    taps.whole(f"{case}.image_bounds", bounds, np.int32)
    for view, pixel in enumerate(pixels):
        high, wide_ = pixel.shape[-2] // 14, pixel.shape[-1] // 14
        patches = pixel.reshape(3, high, 14, wide_, 14).permute(1, 3, 0, 2, 4).reshape(high * wide_, 588)
        taps.rows(f"{case}.view{view}.patches", patches, 4, np.float32)
        for stage, values in captured.items():
            if stage.startswith(("patch_embed", "embeddings", "block", "post_norm")):
                value = values[view][0]
                taps.rows(f"{case}.view{view}.{stage}", value.reshape(-1, value.shape[-1]))
        taps.rows(f"{case}.view{view}.resampler", rows[view])
    navit.tap_language(taps, case, captured, embeds, result, True)
    tokens, margins = result[0], result[1]
    print(case, ids.shape[1], "margin", min(margins), "distinct", len(set(tokens)), checks)
    return {"files": [file], "question": question, "prompt": text, "promptTokens": int(ids.shape[1]),
            "images": [{"source": list(image.size), "grid": grid, "views": [pixel_hash(v) for v in views]}],
            "imageBounds": bounds.tolist(), "patchGrids": [[p.shape[-2] // 14, p.shape[-1] // 14] for p in pixels],
            "greedyTokens": tokens, "text": tokenizer.decode(tokens), "smallestMargin": min(margins),
            "distinctTokens": len(set(tokens)), "checks": checks}


def build(spec, cases):
    folder = navit.OUT / spec["version"]
    folder.mkdir(parents=True, exist_ok=True)
    parts = make_parts(spec["config"], spec["vision"])
    tensors = seed_parts(*parts[:3], spec["seed"])
    tokenizer = make_tokenizer(spec["tokenizer"], folder)
    for name, size, seed in spec["pictures"]:
        tiny.picture(*size, seed).save(folder / name, optimize=True)
    taps, reports = Taps(), {}
    for case, file, question in cases:
        reports[case] = run_case(parts, tokenizer, spec, taps, case, file, question, folder)
    if spec["weights_file"] == "model.safetensors":
        navit.checkpoint(tensors, torch.bfloat16, folder)
    tiny.write_json(folder / "config.json", spec["config_json"])
    taps.write(folder / "taps.safetensors")
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    names = ("modeling_minicpm", "resampler", "image_processing_minicpmv")
    manifest = {
        "version": spec["version"], "authority": spec["authority"],
        "versions": {**navit.versions(), "timm": official.import_timm()[0].__version__}, "seed": spec["seed"],
        "weightsFile": spec["weights_file"], "arithmetic": "float64 (float32 upcasts widened; see reference/ladder/float64.py)",
        "weights": "rounded so that float16 and bfloat16 both hold them exactly (resampler.pos_embed: bfloat16)",
        "stops": "ignored while generating", "sources": official.hashes("v20", names),
        "notes": spec["notes"], "cases": reports, "stages": taps.stages}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
