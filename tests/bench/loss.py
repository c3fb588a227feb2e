#!/usr/bin/env python3
"""Time and peak memory of the loss by batch, on this machine's CPU: Keel's paths and PyTorch's dense loss, a fresh process for each.

Writes OUT and prints a table. Fails if the tiled path needs more than 1 GB at a batch of 32,768, if its memory does not grow
linearly, or if the losses differ; never for time. What was not measured is not judged. `--bench` is keel-loss-bench, `--python` an interpreter with torch and open_clip."""
import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
WIDTH = 512
# Entries of the matrices that one member computes of the batches above, whose whole would take too long.
SHARE_ENTRIES = 32768 ** 2
BATCHES = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072]
# Largest batch of each kind that is tried: bounded by time, PyTorch by memory.
LARGEST = {'tiled': 32768, 'tiled share': 131072, 'dense': 32768, 'torch modx': 8192, 'torch clip': 16384}
MOST_BYTES = 1e9
CHECKED_BATCH = 32768
# Below, tiles and the libraries' scratch outweigh what grows.
SMALLEST_FITTED = 16384
# Between the paths' losses and PyTorch's, relative.
MOST_DIFFERENCE = 1e-5
# Of the peak, what a straight line may leave unexplained at any batch.
MOST_RESIDUAL = 0.05


def repetitions(n):
    return max(1, min(5, 8192 // n))


def command(kind, n, args):
    if kind.startswith('torch'):
        return [args.python, HERE / 'loss_torch.py', kind.split()[1], n, WIDTH, repetitions(n)]
    own = SHARE_ENTRIES // n if kind == 'tiled share' else n
    return [args.bench, kind.split()[0], n, WIDTH, own, repetitions(n)]


def measure(kind, n, args):
    run = subprocess.run([str(word) for word in command(kind, n, args)], stdout=subprocess.PIPE, check=True, text=True)
    return {'kind': kind, 'batch': n, **json.loads(run.stdout)}


def fit(points):
    """Least squares of bytes = a + b n, and of bytes = a + b n + c n^2, by the relative error; the line's largest one."""
    import numpy as np
    n, y = (np.array(column, dtype=float) for column in zip(*points))
    line = np.linalg.lstsq(np.stack([1 / y, n / y], 1), np.ones_like(y), rcond=None)[0]
    curve = np.linalg.lstsq(np.stack([1 / y, n / y, n * n / y], 1), np.ones_like(y), rcond=None)[0]
    residual = float(np.max(np.abs((line[0] + line[1] * n) / y - 1)))
    quadratic_share = float(curve[2] * n[-1] ** 2 / y[-1])
    return {'bytes': line[0], 'bytes_per_pair': line[1], 'largest_relative_residual': residual,
            'quadratic_share_at_largest': quadratic_share}


def largest_difference(results):
    """Between the paths' totals and PyTorch's of the same batch, relative."""
    torch = {r['batch']: r['total'] for r in results if r['kind'] == 'torch modx'}
    ours = [r for r in results if r['kind'] in ('dense', 'tiled') and r['batch'] in torch]
    return max((abs(r['total'] / torch[r['batch']] - 1) for r in ours), default=0.0)


def table(results):
    at = {(r['kind'], r['batch']): r for r in results}
    print(f"{'batch':>7}" + ''.join(f'{kind:>22}' for kind in LARGEST) + f"{'torch modx / tiled':>22}")
    for n in BATCHES:
        cells = [at.get((kind, n)) for kind in LARGEST]
        line = ''.join(f"{r['seconds']:11.3f} s{r['peak_bytes'] / 1e6:6.0f} MB" if r else f"{'':>22}" for r in cells)
        ours, torch = at.get(('tiled', n)), at.get(('torch modx', n))
        ratio = (f"{torch['seconds'] / ours['seconds']:11.2f}x {torch['peak_bytes'] / ours['peak_bytes']:7.1f}x"
                 if ours and torch else '')
        print(f'{n:>7}{line}{ratio:>22}')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bench', required=True)
    parser.add_argument('--python', required=True)
    parser.add_argument('--out', type=pathlib.Path, required=True)
    parser.add_argument('--batches', type=lambda text: [int(n) for n in text.split(',')], default=BATCHES)
    args = parser.parse_args()
    results = []
    for n in args.batches:
        for kind, largest in LARGEST.items():
            if n > largest or (kind == 'tiled share') != (n > LARGEST['tiled']):
                continue
            results.append(measure(kind, n, args))
            print(f"{kind} {n}: {results[-1]['seconds']:.3f} s, {results[-1]['peak_bytes'] / 1e6:.0f} MB", file=sys.stderr)
    tiled = {r['batch']: r['peak_bytes'] for r in results if r['kind'].startswith('tiled')}
    points = [(n, peak) for n, peak in tiled.items() if n >= SMALLEST_FITTED]
    memory = fit(points) if len(points) > 2 else None
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({'width': WIDTH, 'results': results, 'tiled_memory': memory}, indent=1) + '\n')
    table(results)
    failures = []
    if memory:
        print(f"tiled peak: {memory['bytes'] / 1e6:.1f} MB + {memory['bytes_per_pair']:.0f} bytes a pair, off by at most "
              f"{memory['largest_relative_residual']:.1%}; a quadratic term would be {memory['quadratic_share_at_largest']:.1%} of the largest")
        if max(memory['largest_relative_residual'], memory['quadratic_share_at_largest']) > MOST_RESIDUAL:
            failures.append('the memory of the tiled loss does not grow linearly')
    print(f'against the loss of PyTorch: off by at most {largest_difference(results):.1e}')
    if largest_difference(results) > MOST_DIFFERENCE:
        failures.append("the losses differ from PyTorch's")
    if tiled.get(CHECKED_BATCH, 0) > MOST_BYTES:
        failures.append(f'the tiled loss needs {tiled[CHECKED_BATCH]} bytes at {CHECKED_BATCH}')
    for failure in failures:
        print(f'FAIL: {failure}')
    return 1 if failures else 0


sys.exit(main())
