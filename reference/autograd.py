"""Values and gradients from torch in float64, for test/golden/autograd. Run: python reference/autograd.py

One file per operation: {"operation", "torch", "cases": [{"seed", "attributes", "inputs", "output", "upstream", "gradients"}]}.
A tensor is {"shape", "data"} with row-major numbers. `upstream` is the gradient of the loss by the output, so that
loss = sum(output * upstream); for a scalar output it is 1. Integer inputs (ids, positions) have no gradient.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

OUT = Path(__file__).resolve().parents[1] / "test" / "golden" / "autograd"
SEEDS = (1, 2)
torch.set_default_dtype(torch.float64)


def pack(value):
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return {"shape": list(array.shape), "data": array.reshape(-1).tolist()}


def run(seed, inputs, forward, attributes=None):
    """`inputs`: float arrays get gradients, integer arrays do not."""
    tensors = {name: torch.tensor(value) for name, value in inputs.items()}
    leaves = {name: t.requires_grad_() for name, t in tensors.items() if t.is_floating_point()}
    output = forward(**tensors)
    rng = np.random.default_rng(1000 + seed)
    upstream = torch.tensor(rng.standard_normal(tuple(output.shape))) if output.dim() else torch.tensor(1.0)
    gradients = torch.autograd.grad((output * upstream).sum(), list(leaves.values()))
    return {"seed": seed, "attributes": attributes or {}, "inputs": {name: pack(t) for name, t in tensors.items()},
            "output": pack(output), "upstream": pack(upstream),
            "gradients": {name: pack(g) for name, g in zip(leaves, gradients)}}


def attention(q, k, v, scale, mask):
    """q [T,H,C], k and v [S,G,C]; head h reads group h // (H / G). mask [T,S] is true where a key is visible."""
    groups = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(groups, dim=1) for x in (k, v))
    scores = torch.einsum("thc,shc->hts", q, k) * scale
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.einsum("hts,shc->thc", scores.softmax(-1), v)


def rotary(x, positions, theta, width):
    """Rotate-half on the first `width` of C: pairs (i, i + width/2), angle position * theta^(-2i/width)."""
    half = width // 2
    angle = positions[:, None] * theta ** (-torch.arange(half) * 2.0 / width)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    a, b, rest = x[..., :half], x[..., half:width], x[..., width:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], dim=-1)


def weighted_cross_entropy(logits, targets, weights, ignore):
    """Sum of weight * -log p over kept targets, divided by the sum of their weights."""
    keep = targets != ignore
    losses = F.cross_entropy(logits[keep], targets[keep], reduction="none")
    return (losses * weights[keep]).sum() / weights[keep].sum()


def log_prob_sum(logits, targets, ignore):
    keep = targets != ignore
    return -F.cross_entropy(logits[keep], targets[keep], reduction="sum")


def cases(seed):
    rng = np.random.default_rng(seed)
    n = lambda *shape: rng.standard_normal(shape)
    p, d, o = 5 + seed, 6, 4 + seed
    yield "linear", run(seed, {"x": n(p, d), "weight": n(o, d), "bias": n(o)}, lambda x, weight, bias: F.linear(x, weight, bias))
    yield "linear", run(seed, {"x": n(p, d), "weight": n(o, d)}, lambda x, weight: F.linear(x, weight), {"bias": False})
    yield "layer-norm", run(seed, {"x": n(p, d), "weight": 1 + 0.1 * n(d), "bias": 0.1 * n(d)},
                            lambda x, weight, bias: F.layer_norm(x, (d,), weight, bias, 1e-6), {"epsilon": 1e-6})
    yield "rms-norm", run(seed, {"x": n(p, d), "weight": 1 + 0.1 * n(d)},
                          lambda x, weight: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight, {"epsilon": 1e-6})
    yield "gelu-tanh", run(seed, {"x": 2 * n(p, d)}, lambda x: F.gelu(x, approximate="tanh"))
    yield "gelu-erf", run(seed, {"x": 2 * n(p, d)}, lambda x: F.gelu(x))
    yield "silu", run(seed, {"x": 2 * n(p, d)}, lambda x: F.silu(x))
    yield "gated-mlp", run(seed, {"x": n(p, d), "gate": n(9, d), "up": n(9, d), "down": n(d, 9)},
                           lambda x, gate, up, down: F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down))
    t, s, h, g, c = 4 + seed, 6, 4, 2, 6
    scale = c ** -0.5
    for name, keys, heads, mask in (
            ("full", s, h, None), ("causal", t, h, torch.ones(t, t, dtype=torch.bool).tril()),
            ("groupedCausal", t, g, torch.ones(t, t, dtype=torch.bool).tril()), ("grouped", s, g, None)):
        yield "attention", run(seed, {"q": n(t, h, c), "k": n(keys, heads, c), "v": n(keys, heads, c)},
                               lambda q, k, v, mask=mask: attention(q, k, v, scale, mask),
                               {"mask": name, "scale": scale, "queryHeads": h, "keyValueHeads": heads})
    starts = [0, 2, 3 + seed]
    owner = torch.tensor(np.searchsorted(starts, np.arange(t), side="right"))
    same = owner[:, None] == owner[None, :]
    for name, mask in (("segments", same), ("segmentsCausal", same & torch.ones(t, t, dtype=torch.bool).tril())):
        yield "attention", run(seed, {"q": n(t, h, c), "k": n(t, h, c), "v": n(t, h, c)},
                               lambda q, k, v, mask=mask: attention(q, k, v, scale, mask),
                               {"mask": name, "scale": scale, "queryHeads": h, "keyValueHeads": h, "segmentStarts": starts})
    positions = rng.integers(0, 50, t)
    for width in (c, 4):
        yield "rotary", run(seed, {"x": n(t, h, c), "positions": positions},
                            lambda x, positions, width=width: rotary(x, positions, 10000.0, width),
                            {"theta": 10000.0, "width": width})
    ids = rng.integers(0, 7, t)
    yield "embedding", run(seed, {"table": n(7, d), "ids": ids}, lambda table, ids: table[ids])
    at = np.sort(rng.choice(t, 2, replace=False))
    yield "splice", run(seed, {"x": n(t, d), "rows": n(2, d), "at": at},
                        lambda x, rows, at: x.index_copy(0, at, rows))
    vocabulary = 8
    targets = rng.integers(0, vocabulary, t)
    targets[1] = -100
    yield "cross-entropy", run(seed, {"logits": 2 * n(t, vocabulary), "targets": targets},
                               lambda logits, targets: F.cross_entropy(logits, targets, ignore_index=-100),
                               {"ignore": -100, "reduction": "mean of kept targets"})
    weights = rng.uniform(0.1, 2, t)
    yield "cross-entropy", run(
        seed, {"logits": 2 * n(t, vocabulary), "targets": targets},
        lambda logits, targets: weighted_cross_entropy(logits, targets, torch.tensor(weights), -100),
        {"ignore": -100, "weights": weights.tolist(), "reduction": "sum of weight * loss / sum of kept weights"})
    yield "sequence-log-prob", run(seed, {"logits": 2 * n(t, vocabulary), "targets": targets},
                                   lambda logits, targets: log_prob_sum(logits, targets, -100), {"ignore": -100})
    pairs, beta = 3, 0.1 * seed
    yield "dpo", run(
        seed, {"policyChosen": 3 * n(pairs), "policyRejected": 3 * n(pairs), "referenceChosen": 3 * n(pairs),
               "referenceRejected": 3 * n(pairs)},
        lambda policyChosen, policyRejected, referenceChosen, referenceRejected: -F.logsigmoid(
            beta * ((policyChosen - policyRejected) - (referenceChosen - referenceRejected))).mean(),
        {"beta": beta, "reduction": "mean of pairs", "inputs": "sequence log-probability sums"})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    files = {}
    for seed in SEEDS:
        for operation, case in cases(seed):
            files.setdefault(operation, []).append(case)
    for operation, items in files.items():
        body = {"operation": operation, "torch": torch.__version__, "cases": items}
        (OUT / f"{operation}.json").write_text(json.dumps(body) + "\n")
    print({name: len(items) for name, items in files.items()})


if __name__ == "__main__":
    main()
