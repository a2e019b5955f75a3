"""A checkpoint and an adapter trained by this project, in the official implementation and in PEFT, and one back.

Reads test/golden/train-interop/{model,adapter,sample.json} (test/golden/train-interop/make.ts writes them) and writes
logits.json and peft-adapter/. Run: MINICPMV_SOURCES=... python reference/train-interop.py (needs peft besides requirements.txt).
"""

import json
import sys
from pathlib import Path

import numpy as np
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen2 import modeling_qwen2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "ladder"))
import official  # noqa: E402
from float64 import wide  # noqa: E402

FOLDER = HERE.parent / "test" / "golden" / "train-interop"
CONFIG = json.loads((FOLDER / "model" / "config.json").read_text())
SAMPLE = json.loads((FOLDER / "sample.json").read_text())
NAVIT = official.load("v26", "modeling_navit_siglip")[0]
RESAMPLER = official.load("v26", "resampler")[0]
WIDE = (NAVIT, RESAMPLER, modeling_qwen2)


class Model(torch.nn.Module):
    """The parts that the released class holds, under its names; splice as get_vllm_embedding writes it."""

    def __init__(self):
        super().__init__()
        vision = NAVIT.SiglipVisionConfig(**CONFIG["vision_config"])
        vision._attn_implementation = "eager"
        self.vpm = NAVIT.SiglipVisionTransformer(vision)
        width = CONFIG["hidden_size"]
        self.resampler = RESAMPLER.Resampler(num_queries=CONFIG["query_num"], embed_dim=width, num_heads=width // 128,
                                             kv_dim=CONFIG["vision_config"]["hidden_size"], adaptive=True)
        keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
                "rms_norm_eps", "rope_theta", "vocab_size", "max_position_embeddings", "tie_word_embeddings")
        self.llm = Qwen2ForCausalLM(Qwen2Config(**{key: CONFIG[key] for key in keys}, attn_implementation="eager"))

    def forward(self, ids, pixels, sizes, start):
        mask = torch.ones(1, 1, int(sizes[0].prod()), dtype=torch.bool)
        features = self.vpm(pixels, patch_attention_mask=mask, tgt_sizes=sizes).last_hidden_state
        visual = self.resampler(features, sizes)[0]
        embeds = self.llm.model.embed_tokens(ids).clone()
        embeds[0, start:start + len(visual)] = visual
        return self.llm(inputs_embeds=embeds, use_cache=False).logits[0]


def make_model():
    with wide(*WIDE, constructing=True):
        model = Model().to(torch.float64).eval()
    stored = {name: tensor.to(torch.float64) for name, tensor in load_file(FOLDER / "model" / "model.safetensors").items()}
    missing, unexpected = model.load_state_dict(stored, strict=False)
    missing = [name for name in missing if "pos_embed" not in name and "rotary" not in name and "position_ids" not in name]
    if missing or unexpected:
        raise SystemExit(f"missing {missing}, unexpected {unexpected}")
    return model


def logits_of(model):
    rows, columns = SAMPLE["grid"]["rows"], SAMPLE["grid"]["columns"]
    patches = torch.tensor(SAMPLE["patches"], dtype=torch.float64).reshape(rows * columns, 3, 14, 14)
    pixels = patches.permute(1, 2, 0, 3).reshape(1, 3, 14, rows * columns * 14)
    with wide(*WIDE), torch.no_grad():
        return model(torch.tensor([SAMPLE["ids"]]), pixels, torch.tensor([[rows, columns]], dtype=torch.int32),
                     SAMPLE["visualStart"])


def listed(logits):
    return [[float(value) for value in row] for row in logits]


def main():
    plain = logits_of(make_model())
    ours = peft.PeftModel.from_pretrained(make_model(), str(FOLDER / "adapter")).to(torch.float64).eval()
    adapted = logits_of(ours)

    settings = json.loads((FOLDER / "adapter" / "adapter_config.json").read_text())
    config = peft.LoraConfig(r=3, lora_alpha=9, target_modules=settings["target_modules"],
                             modules_to_save=["embed_tokens"], bias="none", lora_dropout=0.05)
    theirs = peft.get_peft_model(make_model(), config).to(torch.float64).eval()
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                change = rng.standard_normal(tuple(parameter.shape)) * 0.2
                parameter.copy_((parameter + torch.tensor(change)).to(torch.float32).to(torch.float64))
    made = logits_of(theirs)
    theirs.to(torch.float32).save_pretrained(str(FOLDER / "peft-adapter"))
    for extra in ("README.md",):
        (FOLDER / "peft-adapter" / extra).unlink(missing_ok=True)
    body = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
            "official": official.hashes("v26", ["modeling_navit_siglip", "resampler"]),
            "plain": listed(plain), "adapter": listed(adapted), "peftAdapter": listed(made)}
    (FOLDER / "logits.json").write_text(json.dumps(body) + "\n")
    print("largest change by an adapter", float((adapted - plain).abs().max()), float((made - plain).abs().max()))


if __name__ == "__main__":
    main()
