"""The ladder for the versions with a NaViT tower and a resampler (2.5, 2.6, 4.0, 4.5, o-2.6, o-4.5).

Official: tower file, resampler file, image processor file, the placeholder code of the processor file, and
`get_vllm_embedding` (padding, masks, splice) of the model file, called on assembled parts. The language model is
transformers' own class of the family that the release names.
"""

import json
import platform
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL
import safetensors
import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

import official
import tiny
from float64 import wide
from taps import Capture, Taps, pixel_hash

GENERATED = 64
OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "ladder"


class Assembly:
    """The parts that the released model class holds: vpm, resampler, llm, config."""

    def __init__(self, spec):
        self.spec = spec
        files = spec["files"]
        self.modules = {name: official.load(folder, name)[0] for name, folder in files.items()}
        self.llm_module = spec["llm_module"]
        navit = self.modules.get("modeling_navit_siglip") or spec["tower_module"]
        self.wide_modules = [navit, self.modules["resampler"], self.llm_module, *spec.get("extra_wide", [])]
        with wide(*self.wide_modules, constructing=True):
            self.vpm = spec["make_tower"](navit)
            self.resampler = spec["make_resampler"](self.modules["resampler"])
            self.llm = spec["make_llm"]()
        for part in (self.vpm, self.resampler, self.llm):
            part.eval()
        self.config = SimpleNamespace(**spec["config"])
        self.training = False

    def seed(self):
        spec, tensors = self.spec, {}
        for prefix, part in (("vpm.", self.vpm), ("resampler.", self.resampler), ("llm.", self.llm)):
            tensors.update(tiny.seed_module(part, prefix, spec["seed"], spec["gains"], spec.get("skip", ())))
        return tensors

    def embed(self, data):
        model_class = self.modules["modeling_minicpmv"].MiniCPMV
        return model_class.get_vllm_embedding(self, data)


def make_processor(assembly, spec, tokenizer):
    image_module = assembly.modules["image_processing_minicpmv"]
    images = image_module.MiniCPMVImageProcessor(**spec["preprocessor"])
    processor_class = assembly.modules["processing_minicpmv"].MiniCPMVProcessor
    processor = SimpleNamespace(tokenizer=tokenizer, image_processor=images, version=spec["preprocessor"]["version"])
    for name in ("_convert", "pad"):
        setattr(processor, name, getattr(processor_class, name).__get__(processor))
    processor.expand = processor_class._convert_images_texts_to_inputs.__get__(processor)
    return processor


def make_tokenizer(spec, folder):
    tiny.write_json(folder / "tokenizer.json", spec["tokenizer"])
    tiny.write_json(folder / "tokenizer_config.json", spec["tokenizer_config"])
    known = {key: spec["tokenizer_config"][key] for key in ("bos_token", "eos_token", "pad_token", "unk_token")
             if spec["tokenizer_config"].get(key)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **known)
    tokenizer.chat_template = spec["tokenizer_config"]["chat_template"]
    for name, token in (("im_start_id", "<image>"), ("im_end_id", "</image>"), ("slice_start_id", "<slice>"),
                        ("slice_end_id", "</slice>")):
        setattr(tokenizer, name, tokenizer.convert_tokens_to_ids(token))
    tokenizer.bos_id = tokenizer.bos_token_id
    return tokenizer


def render(tokenizer, spec, images, question):
    """`chat()` of the release: every picture becomes the literal, items are joined by newline."""
    content = "\n".join(["(<image>./</image>)"] * len(images) + [question])
    return tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False,
                                         add_generation_prompt=True, **spec.get("template_options", {}))


def expand_batch(processor, images, prompt, call):
    """The processor's call; `call` holds chat() arguments such as temporal_ids, max_slice_nums, use_image_id."""
    of_images = {key: call[key] for key in ("temporal_ids", "max_slice_nums") if key in call}
    of_text = {key: call[key] for key in ("use_image_id", "max_slice_nums") if key in call}
    return processor.expand(processor.image_processor.preprocess([images], **of_images), [prompt], **of_text)


def views_of(processor, image, call):
    """Every view as a PIL picture, in the order of the pixels, and the grid."""
    most = call.get("max_slice_nums", processor.image_processor.max_slice_nums)
    source, patches, grid = processor.image_processor.slice_image(image, most)
    return [source] + [patch for row in patches for patch in row], grid


@torch.inference_mode()
def greedy(assembly, embeds, spec):
    """Greedy tokens from full forward passes (no cache); margin = top-1 minus top-2 logit."""
    tokens, margins, rows = [], [], []
    scale = spec.get("scale_emb", 1)
    sequence = embeds
    for _ in range(GENERATED):
        logits = assembly.llm(inputs_embeds=sequence, use_cache=False).logits[0, -1]
        top = torch.topk(logits, 2)
        tokens.append(int(top.indices[0]))
        margins.append(float(top.values[0] - top.values[1]))
        rows.append(logits)
        step = assembly.llm.get_input_embeddings()(torch.tensor([[tokens[-1]]])) * scale
        sequence = torch.cat([sequence, step], dim=1)
    return tokens, margins, torch.stack(rows), sequence


def hook(assembly, capture):
    embeddings = assembly.vpm.embeddings
    capture.input("position_ids", embeddings.position_embedding)
    capture.output("embeddings", embeddings)
    for index, layer in enumerate(assembly.vpm.encoder.layers):
        capture.output(f"block{index}", layer)
    capture.output("post_norm", assembly.vpm.post_layernorm)
    capture.output("resampler", assembly.resampler)
    for index, layer in enumerate(assembly.llm.model.layers):
        capture.output(f"decoder{index}", layer)
    capture.output("final_norm", assembly.llm.model.norm)


VISION_STAGES = ("embeddings", "block", "post_norm")


def of_view(values, view):
    """One view of a stage: row `view` of the padded batch, or the view's own call when views ran one by one."""
    return values[0][view] if len(values) == 1 else values[view][0]


def tap_views(taps, case, captured, inputs, patch_counts):
    """Per view: official patches, positions, then the unpadded rows of each vision stage and the resampler output."""
    for view, count in enumerate(patch_counts):
        strip = inputs["pixel_values"][0][view]                         # [3, 14, 14·P]
        patches = strip.reshape(3, 14, count, 14).permute(2, 0, 1, 3).reshape(count, 588)
        name = f"{case}.view{view}"
        taps.rows(f"{name}.patches", patches, 4, np.float32)
        taps.whole(f"{name}.position_ids", of_view(captured["position_ids"], view)[:count], np.int32)
        for stage, values in captured.items():
            if stage.startswith(VISION_STAGES):
                taps.rows(f"{name}.{stage}", of_view(values, view)[:count])
    outputs = [row for value in captured["resampler"] for row in value]
    kind = "view" if len(outputs) == len(patch_counts) else "group"
    for index, rows in enumerate(outputs):
        taps.rows(f"{case}.{kind}{index}.resampler", rows)


def tap_language(taps, case, captured, embeds, result, keep_teacher):
    taps.rows(f"{case}.spliced", embeds[0], 16)
    for stage, values in captured.items():
        if stage.startswith(("decoder", "final_norm")):
            taps.rows(f"{case}.{stage}", values[0][0])
    tokens, margins, logits, _ = result
    taps.whole(f"{case}.logits_last", logits[0], np.float64)
    if keep_teacher:
        taps.whole(f"{case}.teacher_logits", logits, np.float32)
    taps.whole(f"{case}.greedy_tokens", tokens, np.int32)
    taps.whole(f"{case}.greedy_margins", margins, np.float64)


def agreement(value, other):
    """Normalised mean square error of `other` against `value`."""
    difference = (value - other.to(torch.float64)).square().sum()
    return float(difference / value.square().sum())


def position_grids(assembly, grids):
    """2-D grids, or in 2.5 one row: as long as the batch's longest view, or as the view itself."""
    if assembly.spec.get("position_rule") != "strip":
        return grids
    lengths = [h * w for h, w in grids]
    return [(1, max(lengths) if assembly.config.batch_vision_input else length) for length in lengths]


def floor_buckets(count):
    return [70 * k // count for k in range(count)]


def chunked_buckets(count):
    """torch.arange and torch.bucketize on a CPU, in numpy: chunks of eight start at a rounded multiple of the step."""
    step = float(np.float32(1) / np.float32(count))
    boundaries = np.array([k / 70 for k in range(1, 70)], dtype=np.float32)
    values = []
    for start in range(0, count, 8):
        if start + 8 <= count:
            base = float(np.float32(step * start))
            values += [np.float32(base + lane * step) for lane in range(8)]
        else:
            values += [np.float32(step * k) for k in range(start, count)]
    return np.searchsorted(boundaries, np.array(values, dtype=np.float32), side="right").tolist()


def position_check(position_ids, grids):
    """Which closed forms give the released ids: floor(70·i/n) of each axis, or the float32 chunks."""
    report = {}
    for name, buckets in (("positionsAreFloor70", floor_buckets), ("positionsAreFloat32Chunks", chunked_buckets)):
        wanted = [[70 * r + c for r in buckets(rows) for c in buckets(columns)] for rows, columns in grids]
        report[name] = all(ids.tolist()[:len(want)] == want[:len(ids)] for ids, want in zip(position_ids, wanted))
    return report


def cross_checks(assembly, spec, embeds, result):
    """The same case as released (float32, no widening), and through transformers' generate with its cache."""
    tokens, _, logits, sequence = result
    with torch.inference_mode():
        full = assembly.llm(inputs_embeds=sequence[:, :-1], use_cache=False).logits[0, -GENERATED:]
        generated = assembly.llm.generate(inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long),
                                          do_sample=False, max_new_tokens=GENERATED, min_new_tokens=GENERATED,
                                          eos_token_id=None, pad_token_id=0) if spec.get("generate", True) else None
    report = {"oneForwardAgainstSteps": agreement(logits, full)}
    if generated is not None:
        report["generateGivesSameTokens"] = generated[0].tolist() == tokens
    return report


def blank_check(assembly, embeds, bounds, logits):
    """How far the last logits move when the last view's rows are zero: a ladder that ignores pictures proves nothing."""
    blank = embeds.clone()
    start, end = bounds[-1].tolist()
    blank[0, start:end] = 0
    return agreement(logits, assembly.llm(inputs_embeds=blank, use_cache=False).logits[0, -1])


def float32_check(assembly, inputs, logits):
    """Released arithmetic: float32 weights and float32 upcasts. Leaves the parts in float64 again."""
    for part in (assembly.vpm, assembly.resampler, assembly.llm):
        part.to(torch.float32)
    with torch.inference_mode():
        embeds = assembly.embed(dict(inputs))[0]
        row = assembly.llm(inputs_embeds=embeds, use_cache=False).logits[0, -1]
    for part in (assembly.vpm, assembly.resampler, assembly.llm):
        part.to(torch.float64)
    return agreement(logits, row)


def run_case(assembly, processor, spec, taps, case, images, question, full, call):
    prompt = render(processor.tokenizer, spec, images, question)
    plans, views = [], []
    for image in images:
        cut, grid = views_of(processor, image, call)
        views += cut
        plans.append({"source": list(image.size), "grid": grid, "views": [pixel_hash(v) for v in cut]})
    inputs = spec.get("expand", expand_batch)(processor, images, prompt, call)
    inputs = {key: inputs[key] for key in ("input_ids", "image_bound", "pixel_values", "tgt_sizes", "temporal_ids")
              if key in inputs}
    inputs["pixel_values"] = [[torch.as_tensor(p) for p in inputs["pixel_values"][0]]]
    inputs["tgt_sizes"] = [torch.as_tensor(np.asarray(inputs["tgt_sizes"][0]))]
    inputs["input_ids"] = inputs["input_ids"].to(torch.int64)
    grids = inputs["tgt_sizes"][0].tolist()
    counts = [h * w for h, w in grids]
    capture = Capture()
    hook(assembly, capture)
    with wide(*assembly.wide_modules), torch.inference_mode():
        embeds, _ = assembly.embed(dict(inputs))
        assembly.llm(inputs_embeds=embeds, use_cache=False)
        captured = capture.values
        capture.remove()
        result = greedy(assembly, embeds, spec)
        checks = cross_checks(assembly, spec, embeds, result)
        checks["logitsMovedByBlankViews"] = blank_check(assembly, embeds, inputs["image_bound"][0], result[2][0])
    seen = [of_view(captured["position_ids"], view) for view in range(len(counts))]
    checks.update(position_check(seen, position_grids(assembly, grids)))
    tap_case(taps, case, captured, inputs, counts, embeds, result, full)
    tokens, margins = result[0], result[1]
    return {
        "images": plans, "question": question, "prompt": prompt,
        "expandedPrompt": processor.tokenizer.decode(inputs["input_ids"][0]),
        "promptTokens": int(inputs["input_ids"].shape[1]), "imageBounds": inputs["image_bound"][0].tolist(),
        "patchGrids": grids, "greedyTokens": tokens, "text": processor.tokenizer.decode(tokens),
        "smallestMargin": min(margins), "distinctTokens": len(set(tokens)), "checks": checks,
    }, inputs, result


def tap_case(taps, case, captured, inputs, counts, embeds, result, full):
    taps.whole(f"{case}.input_ids", inputs["input_ids"][0], np.int32)
    taps.whole(f"{case}.image_bounds", inputs["image_bound"][0], np.int32)
    if full:
        tap_views(taps, case, captured, inputs, counts)
    tap_language(taps, case, captured, embeds, result, full)


def checkpoint(tensors, dtype, folder):
    out = {name: value.to(dtype).contiguous() for name, value in tensors.items()}
    for name, value in tensors.items():
        if not torch.equal(out[name].to(torch.float64), value):
            raise SystemExit(f"{name} is not exact in {dtype}.")
    save_file(out, str(folder / "model.safetensors"), metadata={"format": "pt"})


def versions():
    return {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__, "pillow": PIL.__version__, "numpy": np.__version__,
            "safetensors": safetensors.__version__}


def build(spec, cases):
    """Writes test/golden/ladder/<version>/. `cases`: (name, [picture file names], question, keep vision stages)."""
    torch.manual_seed(0)
    folder = OUT / spec["version"]
    folder.mkdir(parents=True, exist_ok=True)
    assembly = Assembly(spec)
    tensors = assembly.seed()
    tokenizer = make_tokenizer(spec, folder)
    processor = make_processor(assembly, spec, tokenizer)
    taps, reports = Taps(), {}
    for name, size, seed in spec["pictures"]:
        tiny.picture(*size, seed).save(folder / name, optimize=True)
    for case, names, question, full, *change in cases:
        options = dict(change[0]) if change else {}
        call = options.pop("call", {})
        for key, value in options.items():
            setattr(assembly.config, key, value)
        images = [PIL.Image.open(folder / name).convert("RGB") for name in names]
        report, inputs, result = run_case(assembly, processor, spec, taps, case, images, question, full, call)
        report["files"] = names
        report["configChange"], report["call"] = options, call
        if spec.get("float32_check", True):
            report["checks"]["releasedFloat32LogitsNmse"] = float32_check(assembly, inputs, result[2][0])
            with wide(*assembly.wide_modules, constructing=True):
                spec["reset_buffers"](assembly)
        reports[case] = report
        print(case, report["promptTokens"], "margin", report["smallestMargin"], "distinct", report["distinctTokens"],
              report["checks"])
    agreements = spec["agreements"](assembly) if "agreements" in spec else {}
    weights_file = spec.get("weights_file", "model.safetensors")
    if weights_file == "model.safetensors":
        checkpoint(tensors, spec["dtype"], folder)
    tiny.write_json(folder / "config.json", spec["config_json"])
    tiny.write_json(folder / "preprocessor_config.json", spec["preprocessor_json"])
    taps.write(folder / "taps.safetensors")
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    hashes = {f"{folder}/{name}.py": official.digest(folder, name) for name, folder in spec["files"].items()}
    manifest = {"version": spec["version"], "authority": spec["authority"], "versions": versions(), "seed": spec["seed"],
                "weightsFile": weights_file,
                "arithmetic": "float64 (float32 upcasts widened; see reference/ladder/float64.py)",
                "weights": "rounded so that float16 and bfloat16 both hold them exactly",
                "stops": "ignored while generating", "sources": hashes, "chatTemplate": spec["tokenizer_config"]["chat_template"],
                "notes": spec.get("notes", []), "agreement": agreements, "cases": reports, "stages": taps.stages}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
