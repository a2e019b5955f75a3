"""Released position buckets (2.5 to 4.5) where they are not floor(70·k/n): test/golden/ladder/position-buckets.json.

The lines of the release: boundaries arange(1/70, 1, 1/70), fractions arange(0, 1 - 1e-6, 1/n) with n an integer tensor,
bucketize(right=True), all in float32 on a CPU with vectors of eight. Run: python reference/ladder/positions.py
"""

import json

import torch

import navit

LONGEST = 2400


def released(count):
    boundaries = torch.arange(1 / 70, 1.0, 1 / 70)
    fractions = torch.arange(0, 1 - 1e-6, 1 / torch.tensor(count, dtype=torch.int32))
    return torch.bucketize(fractions, boundaries, right=True).tolist()


def main():
    differences = {}
    for count in range(1, LONGEST + 1):
        buckets = released(count)
        if buckets != navit.chunked_buckets(count):
            raise SystemExit(f"The chunk rule does not hold for {count}.")
        parted = [[k, bucket] for k, bucket in enumerate(buckets) if bucket != 70 * k // count]
        if parted:
            differences[str(count)] = parted
    body = {"longest": LONGEST, "rule": "bucket of k of n; every pair [k, bucket] not listed is floor(70*k/n)",
            "torch": torch.__version__, "differences": differences}
    (navit.OUT / "position-buckets.json").write_text(json.dumps(body, separators=(",", ":")) + "\n")
    print(len(differences), "sizes differ,", sum(int(n) < 400 for n in differences), "of them below 400")


if __name__ == "__main__":
    main()
