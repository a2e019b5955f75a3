"""One training step in PyTorch on the model of bench/train/cases.ts, for `npm run bench -- train`: same widths, layers, pack and
optimiser. Prints "ready", then runs a step for every line on standard input and prints its loss.
usage: python train-step.py eager|compiled THREADS"""

import sys

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, HEADS, LAYERS, HIDDEN = 256, 4, 5, 768
VIEWS, SIDE, QUERIES, WORDS, VOCABULARY = 4, 16, 64, 128, 1024


class TowerBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(WIDTH, 1e-6), nn.LayerNorm(WIDTH, 1e-6)
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x):
        h = self.n1(x)
        x = x + self.o(attend(self.q(h), self.k(h), self.v(h), HEADS, HEADS))
        return x + self.down(F.gelu(self.up(self.n2(x)), approximate="tanh"))


def attend(q, k, v, heads, groups, causal=False, rotate=None):
    b, n, _ = q.shape
    q = q.view(b, n, heads, -1).transpose(1, 2)
    k, v = (t.view(b, t.shape[1], groups, -1).transpose(1, 2) for t in (k, v))
    if rotate is not None:
        q, k = rotate(q), rotate(k)
    if groups != heads:
        k, v = (t.repeat_interleave(heads // groups, 1) for t in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).reshape(b, n, -1)


class Resampler(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Parameter(torch.randn(QUERIES, WIDTH) * 0.5)
        self.kv = nn.Linear(WIDTH, WIDTH, bias=False)
        self.nq, self.nkv, self.npost = (nn.LayerNorm(WIDTH, 1e-6) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.proj = nn.Parameter(torch.randn(WIDTH, WIDTH) / 16)
        self.register_buffer("places", torch.randn(SIDE * SIDE, WIDTH))

    def forward(self, x):
        rows = self.nkv(self.kv(x))
        query = self.nq(self.query).expand(x.shape[0], -1, -1)
        y = self.o(attend(self.q(query), self.k(rows + self.places), self.v(rows), WIDTH // 128, WIDTH // 128))
        return self.npost(y) @ self.proj


class DecoderBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.RMSNorm(WIDTH, 1e-6), nn.RMSNorm(WIDTH, 1e-6)
        self.q, self.o = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.k, self.v = (nn.Linear(WIDTH, WIDTH // 2, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(WIDTH, HIDDEN, bias=False) for _ in range(2))
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x, rotate):
        h = self.n1(x)
        x = x + self.o(attend(self.q(h), self.k(h), self.v(h), HEADS, 2, True, rotate))
        h = self.n2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Linear(588, WIDTH)
        self.positions = nn.Embedding(70 * 70, WIDTH)
        self.tower = nn.ModuleList(TowerBlock() for _ in range(LAYERS))
        self.post = nn.LayerNorm(WIDTH, 1e-6)
        self.resampler = Resampler()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.decoder = nn.ModuleList(DecoderBlock() for _ in range(LAYERS))
        self.norm, self.head = nn.RMSNorm(WIDTH, 1e-6), nn.Linear(WIDTH, VOCABULARY, bias=False)
        angle = torch.arange(QUERIES + WORDS)[:, None] * 10000.0 ** (-torch.arange(32) / 32)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def rotate(self, x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * self.cos - b * self.sin, b * self.cos + a * self.sin), -1)

    def forward(self, patches, places, ids, targets):
        x = self.patch(patches) + self.positions(places)
        for block in self.tower:
            x = block(x)
        x = torch.cat((self.resampler(self.post(x)), self.embed(ids)), 1)
        for block in self.decoder:
            x = block(x, self.rotate)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten(), ignore_index=-100)


def main():
    mode, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = Model()
    optimiser = torch.optim.AdamW(model.parameters(), 1e-4, (0.9, 0.95), weight_decay=0.05)
    patches, places = torch.randn(VIEWS, SIDE * SIDE, 588), torch.randint(0, 4900, (VIEWS, SIDE * SIDE))
    ids = torch.randint(0, VOCABULARY, (VIEWS, WORDS))
    targets = torch.full((VIEWS, QUERIES + WORDS), -100)
    targets[:, -(WORDS // 2):] = torch.randint(0, VOCABULARY, (VIEWS, WORDS // 2))
    forward = torch.compile(model) if mode == "compiled" else model

    def step():
        optimiser.zero_grad()
        loss = forward(patches, places, ids, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss.item()

    step()
    print("ready", sum(p.numel() for p in model.parameters()), flush=True)
    for _ in sys.stdin:
        print(step(), flush=True)


main()
