#!/usr/bin/env python3
"""Sets frozen, finetune and modx side by side and judges the demo's shape.

    verdict.py RECALL-FINETUNE.json RECALL-MODX.json    exit 1: the shape is lost
"""
import json
import sys


def matrix(path):
    """(checkpoint, probe) -> R@5 in percent, mean of both directions."""
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    return {(row["checkpoint"], probe): 100 * value
            for row in rows for probe, value in row["values"].items()}


def main():
    finetune, modx = matrix(sys.argv[1]), matrix(sys.argv[2])
    probes = sorted({probe for _, probe in modx})
    last = max(phase for phase, _ in modx)
    runs = {
        "frozen": [modx[0, p] for p in probes],
        "finetune": [finetune[last, p] for p in probes],
        "modx": [modx[last, p] for p in probes],
    }
    mean = {name: sum(row) / len(row) for name, row in runs.items()}
    print("R@5 after the last phase, in % (mean of both directions)")
    print(f"{'':10}" + "".join(f"{p:>16}" for p in probes) + f"{'mean':>8}")
    for name, row in runs.items():
        print(f"{name:10}" + "".join(f"{x:16.1f}" for x in row) + f"{mean[name]:8.1f}")
    first_modx, first_frozen = runs["modx"][0], runs["frozen"][0]
    checks = [
        ("modx keeps at least 65 % of the first domain",
         first_modx >= 0.65 * first_frozen, f"{100 * first_modx / max(first_frozen, 1e-9):.0f} %"),
        ("modx is at least 12 points above finetune on the first domain",
         first_modx >= runs["finetune"][0] + 12, f"{first_modx - runs['finetune'][0]:+.1f}"),
        ("modx is at or above frozen on the mean of the domains",
         mean["modx"] >= mean["frozen"], f"{mean['modx'] - mean['frozen']:+.1f}"),
        ("modx is at least 6 points above finetune on the mean",
         mean["modx"] >= mean["finetune"] + 6, f"{mean['modx'] - mean['finetune']:+.1f}"),
        ("modx is not more than 3 points below finetune on the last domain",
         runs["modx"][-1] >= runs["finetune"][-1] - 3,
         f"{runs['modx'][-1] - runs['finetune'][-1]:+.1f}"),
    ]
    print()
    for text, ok, figure in checks:
        print(f"{'ok  ' if ok else 'LOST'}  {text}: {figure}")
    return 0 if all(ok for _, ok, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
