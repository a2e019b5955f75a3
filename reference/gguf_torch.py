"""What torch answers on the GGUF pairs' picture, without image ids; called by gguf_pairs.py."""

import importlib
import json
from types import SimpleNamespace

import numpy as np
import PIL.Image
import torch

import navit
import tiny
from float64 import wide
from gguf_pairs import LADDER
from taps import Taps

QUESTION = "What is in this image?"


def picture(folder):
    path = folder / "square.png"
    tiny.picture(448, 448, 7).save(path, optimize=True)
    return PIL.Image.open(path).convert("RGB")


def answer(result):
    return {"greedyTokens": result[0], "margins": result[1], "lastLogits": result[2][0].tolist()}


def save(folder, prompt, ids, result, grid=None):
    tokens, margins = result[0], result[1]
    body = {"picture": "square.png", "question": QUESTION, "prompt": prompt, "inputIds": ids, "promptTokens": len(ids),
            **answer(result), "versions": navit.versions(), "arithmetic": "float64, weights as in the file"}
    if grid is not None:
        # llama.cpp gives 2.5 the true grid; the release gives it the strip.
        body["withGridPositions"] = answer(grid)
    (folder / "torch.json").write_text(json.dumps(body, ensure_ascii=False) + "\n")
    print(folder.parent.name, len(ids), "smallest margin", min(margins), "distinct", len(set(tokens)))


def write_resampler_version(version, folder):
    module = importlib.import_module(version.replace(".", "_"))
    spec = module.spec()
    assembly = navit.Assembly(spec)
    assembly.seed()
    tokenizer = navit.make_tokenizer(spec, LADDER / version)
    processor = navit.make_processor(assembly, spec, tokenizer)
    call = {} if version == "v2.5" else {"use_image_id": False}
    case = (assembly, processor, spec, Taps(), "square", [picture(folder)], QUESTION, False, call)
    report, inputs, result = navit.run_case(*case)
    grid = None
    if version == "v2.5":
        assembly.vpm.register_forward_pre_hook(
            lambda _m, args, kwargs: (args, {**kwargs, "tgt_sizes": torch.tensor([[32, 32]])}), with_kwargs=True)
        grid = navit.run_case(*case)[2]
    prompt = report["prompt"].replace("(<image>./</image>)", "<__media__>")
    save(folder, prompt, inputs["input_ids"][0].tolist(), result, grid)


@torch.inference_mode()
def write_v4_6(folder):
    import v4_6
    model = v4_6.make_model()
    tiny.seed_module(model, "", v4_6.SEED, v4_6.GAINS)
    model.tie_weights()
    config = json.loads((LADDER / "v4.6" / "tokenizer_config.json").read_text())
    tokenizer = navit.make_tokenizer({"tokenizer": v4_6.TOKENIZER, "tokenizer_config": config}, LADDER / "v4.6")
    features, prompt, expanded = v4_6.expand(tokenizer, [picture(folder)], QUESTION, "16x")
    ids = tokenizer.encode(expanded.replace("<image_id>0</image_id>", ""))
    seen = []
    handle = model.model.language_model.register_forward_pre_hook(
        lambda _m, _a, kwargs: seen.append(kwargs["inputs_embeds"].clone()), with_kwargs=True)
    with wide(*v4_6.MODULES):
        model(input_ids=torch.tensor([ids]), use_cache=False, downsample_mode="16x",
              pixel_values=torch.as_tensor(np.asarray(features["pixel_values"])).to(torch.float64),
              target_sizes=torch.as_tensor(np.asarray(features["target_sizes"])))
        handle.remove()
        result = navit.greedy(SimpleNamespace(llm=model), seen[0], {})
    save(folder, prompt.replace("<|image_pad|>", "<__media__>"), ids, result)
