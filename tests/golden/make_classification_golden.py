#!/usr/bin/env python3
"""Makes tests/golden/classification.safetensors: zero-shot and linear-probe
accuracy of made-up embeddings, by NumPy in float64.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy
    /tmp/venv/bin/python tests/golden/make_classification_golden.py

`texts` [C, T, D] and `image` [n, D] are not of unit length, `labels` [n];
`train_image`, `train_labels` for the probe. Results, F64: `directions` [C, D];
`zero_shot` and `probe` (top-1, top-5, mean of classes); `probe.weight` [C, D]
and `probe.bias` [C]: the minimum of |W|^2 / 2 + 0.316 * (sum of cross
entropies), by Newton's method with the whole Hessian.
"""
import pathlib

import numpy as np

from make_drift_golden import unit, write_safetensors

STRENGTH = 0.316


def accuracy(scores, labels):
    ranks = np.array([1 + sum(row[c] >= row[y] - 1e-6 for c in range(len(row)) if c != y)
                      for row, y in zip(scores, labels)])
    top1 = ranks <= 1
    return np.array([top1.mean(), (ranks <= 5).mean(), np.mean([top1[labels == c].mean() for c in np.unique(labels)])])


def newton(x, labels, classes):
    """Over all (D + 1) * C parameters at once; the free bias directions are held by the pseudo-inverse."""
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    n, d = x.shape
    decay = np.ones((classes, d))
    decay[:, -1] = 0
    theta = np.zeros((classes, d))
    y = np.eye(classes)[labels]
    for _ in range(100):
        z = x @ theta.T
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        gradient = STRENGTH * (p - y).T @ x + decay * theta
        hessian = np.diag(decay.ravel())
        for i in range(n):
            hessian += STRENGTH * np.kron(np.diag(p[i]) - np.outer(p[i], p[i]), np.outer(x[i], x[i]))
        step = (np.linalg.pinv(hessian, rcond=1e-12) @ gradient.ravel()).reshape(theta.shape)
        theta -= step
        if np.abs(step).max() < 1e-13:
            break
    assert np.abs(gradient).max() < 1e-9
    return theta[:, :-1], theta[:, -1]


def main():
    rng = np.random.default_rng(20210226)
    classes, templates, d = 7, 3, 8
    centre = rng.normal(size=(classes, d))
    texts = (centre[:, None] + 0.7 * rng.normal(size=(classes, templates, d))) * rng.uniform(1, 9, (classes, templates, 1))

    def images(n, share):
        labels = rng.choice(classes, size=n, p=share)
        return (centre[labels] + 1.2 * rng.normal(size=(n, d))).astype(np.float32), labels

    texts = texts.astype(np.float32)
    image, labels = images(200, [.4, .25, .15, .1, .05, .05, 0])
    train_image, train_labels = images(150, [1 / 7] * 7)
    directions = unit(unit(texts).mean(axis=1))
    weight, bias = newton(train_image.astype(np.float64), train_labels, classes)
    tensors = {
        "texts": texts, "image": image, "labels": labels, "train_image": train_image, "train_labels": train_labels,
        "directions": directions, "zero_shot": accuracy(unit(image) @ directions.T, labels),
        "probe.weight": weight, "probe.bias": bias,
        "probe": accuracy(image.astype(np.float64) @ weight.T + bias, labels),
    }
    write_safetensors(pathlib.Path(__file__).resolve().parent / "classification.safetensors", tensors)


if __name__ == "__main__":
    main()
