#!/usr/bin/env python3
"""Makes tests/golden/recall.safetensors: embeddings of two probe sets with
several captions to an image, and their retrieval, by NumPy in float64.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy
    /tmp/venv/bin/python tests/golden/make_recall_golden.py

For set 0 and 1: `N.image` [n, D], `N.text` [m, D] (F32, not of unit length),
`N.image_of_text` [m], and F64 results: `N.image_to_text`, `N.text_to_image`
and their `pooled_` forms (R@1, R@5, R@10, median and mean rank), `N.shape`
(modality gap, effective ranks of images and texts), `N.interval` (R@5, mean of
both directions: 2.5th and 97.5th percentile of 20,000 bootstraps of NumPy's).
"""
import pathlib

import numpy as np

from make_drift_golden import unit, write_safetensors


def ranks(image, text, owner):
    """Full table; a wrong match within 1e-6 counts as ahead of the right one."""
    cosine = image @ text.T
    own = cosine[owner, np.arange(len(text))]
    of_text = [1 + sum(cosine[i, j] >= own[j] - 1e-6 for i in range(len(image)) if i != owner[j])
               for j in range(len(text))]
    of_image = []
    for i in range(len(image)):
        best = max(own[owner == i])
        of_image.append(1 + sum(cosine[i, j] >= best - 1e-6 for j in range(len(text)) if owner[j] != i))
    return np.array(of_image), np.array(of_text)


def summary(r):
    return np.array([(r <= 1).mean(), (r <= 5).mean(), (r <= 10).mean(), np.median(r), r.mean()])


def effective_rank(x):
    s = np.linalg.svd(x, compute_uv=False)
    p = s / s.sum()
    return np.exp(-(p * np.log(p)).sum())


def interval(of_image, of_text, owner, rng):
    counts = np.bincount(owner)
    hits = np.bincount(owner, weights=(of_text <= 5).astype(float))
    draws = rng.integers(len(counts), size=(20000, len(counts)))
    values = ((of_image <= 5)[draws].mean(1) + hits[draws].sum(1) / counts[draws].sum(1)) / 2
    return np.percentile(values, [2.5, 97.5])


def make_set(rng, n, d):
    """1 to 5 captions to an image; of the last images two are the same."""
    image = rng.normal(size=(n, d))
    image[-1] = image[-2]
    owner = np.repeat(np.arange(n), rng.integers(1, 6, size=n))
    text = image[owner] + 2.0 * rng.normal(size=(len(owner), d)) + 0.5
    order = rng.permutation(len(owner))
    return image.astype(np.float32), text[order].astype(np.float32), owner[order]


def main():
    rng = np.random.default_rng(20220301)
    sets = [make_set(rng, 70, 16), make_set(rng, 300, 16)]
    units = [(unit(i), unit(t), o) for i, t, o in sets]
    pool_image, pool_text = ranks(np.concatenate([u[0] for u in units]), np.concatenate([u[1] for u in units]),
                                  np.concatenate([units[0][2], units[1][2] + 70]))
    tensors, image_at, text_at = {}, 0, 0
    for k, (image, text, owner) in enumerate(units):
        of_image, of_text = ranks(image, text, owner)
        n, m = len(image), len(text)
        values = {
            "image_to_text": summary(of_image), "text_to_image": summary(of_text),
            "pooled_image_to_text": summary(pool_image[image_at:image_at + n]),
            "pooled_text_to_image": summary(pool_text[text_at:text_at + m]),
            "shape": np.array([np.linalg.norm(image.mean(0) - text.mean(0)), effective_rank(image),
                               effective_rank(text)]),
            "interval": interval(of_image, of_text, owner, rng),
            "image": sets[k][0], "text": sets[k][1], "image_of_text": owner.astype(np.int64),
        }
        tensors.update({f"{k}.{name}": value for name, value in values.items()})
        image_at, text_at = image_at + n, text_at + m
    write_safetensors(pathlib.Path(__file__).resolve().parent / "recall.safetensors", tensors)


if __name__ == "__main__":
    main()
