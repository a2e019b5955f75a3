"""Beam search and the sampler chain of transformers on the 2.6 ladder: test/golden/ladder/v2.6/decoding.json.

Run after v2_6.py: python reference/ladder/decoding.py. The released chat() searches with 3 beams and a repetition penalty of
1.2 when it does not sample, and samples with temperature 0.7, top-k 100, top-p 0.8 and penalty 1.05; both start from
embeddings, so that penalties see generated tokens only.
"""

import json

import torch
from safetensors.torch import load_file
from transformers import (LogitsProcessorList, MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper,
                          TopKLogitsWarper, TopPLogitsWarper)

import navit
import v2_6
from float64 import wide
from taps import Taps

# The order in which transformers' generate() applies them.
CHAIN = (("repetitionPenalty", RepetitionPenaltyLogitsProcessor), ("temperature", TemperatureLogitsWarper),
         ("topK", TopKLogitsWarper), ("topP", TopPLogitsWarper), ("minP", MinPLogitsWarper))

SAMPLERS = (
    {"temperature": 0.7, "topK": 100, "topP": 0.8, "repetitionPenalty": 1.05}, {"temperature": 1.3},
    {"topK": 5}, {"topP": 0.5}, {"minP": 0.05}, {"repetitionPenalty": 1.5},
    {"temperature": 1.5, "topK": 40, "topP": 0.95, "minP": 0.02, "repetitionPenalty": 1.2})


def sampled(row, generated, options):
    """Probabilities that are left after the chain, most likely first."""
    chain = LogitsProcessorList([make(options[name]) for name, make in CHAIN if name in options])
    scores = chain(torch.tensor([generated], dtype=torch.long), row[None].clone())[0]
    probabilities = scores.softmax(-1)
    kept = (scores > -float("inf")).nonzero()[:, 0].tolist()
    kept.sort(key=lambda index: -float(probabilities[index]))
    return [[index, float(probabilities[index])] for index in kept]


def embeddings(assembly, processor, spec):
    """The embeddings of case `small`, caught on their way into the language model."""
    seen = []
    handle = assembly.llm.register_forward_pre_hook(
        lambda _m, _a, kwargs: seen.append(kwargs.get("inputs_embeds")), with_kwargs=True)
    image = navit.PIL.Image.open(navit.OUT / "v2.6" / "small.png").convert("RGB")
    report = navit.run_case(assembly, processor, spec, Taps(), "small", [image], "Read this.", False, {})[0]
    handle.remove()
    return seen[0].clone(), report["greedyTokens"]


@torch.inference_mode()
def beams(assembly, embeds, ends, options):
    result = assembly.llm.generate(
        inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long), do_sample=False,
        num_beams=options["beams"], repetition_penalty=options["repetitionPenalty"], max_new_tokens=options["maxNewTokens"],
        length_penalty=options["lengthPenalty"], early_stopping=False, eos_token_id=ends, pad_token_id=0,
        return_dict_in_generate=True, output_scores=True)
    return {"options": options, "endTokens": ends, "tokens": result.sequences[0].tolist(),
            "score": float(result.sequences_scores[0])}


def main():
    spec = v2_6.spec()
    assembly = navit.Assembly(spec)
    assembly.seed()
    folder = navit.OUT / "v2.6"
    tokenizer = navit.make_tokenizer(spec, folder)
    processor = navit.make_processor(assembly, spec, tokenizer)
    embeds, greedy = embeddings(assembly, processor, spec)
    stops = [tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>")]
    # Ends that this net does reach, so that finished beams are compared with running ones.
    reached = [greedy[7], greedy[15]]
    searches = []
    with wide(*assembly.wide_modules):
        for ends in (stops, reached):
            for beam_count, penalty, length in ((3, 1.2, 1.0), (3, 1.0, 1.0), (4, 1.0, 0.0), (2, 1.0, 2.0)):
                searches.append(beams(assembly, embeds, ends, {
                    "beams": beam_count, "repetitionPenalty": penalty, "lengthPenalty": length, "maxNewTokens": 24,
                    "earlyStopping": False}))
    logits = load_file(str(folder / "taps.safetensors"))["small.teacher_logits"]
    samplers = [{"options": options, "logitsRow": row, "generated": greedy[:row], "kept": sampled(logits[row], greedy[:row], options)}
                for options in SAMPLERS for row in (3, 40)]
    body = {"case": "small", "logits": "small.teacher_logits", "chain": [name for name, _ in CHAIN],
            "beamSearch": searches, "samplers": samplers, "versions": navit.versions()}
    (folder / "decoding.json").write_text(json.dumps(body) + "\n")
    for search in searches:
        print(search["options"], search["tokens"][:8], len(search["tokens"]), round(search["score"], 4))
    print([len(s["kept"]) for s in samplers])


if __name__ == "__main__":
    main()
