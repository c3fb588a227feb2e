#!/usr/bin/env python3
"""Makes tests/golden/drift_*.safetensors: embeddings of one probe set at two
checkpoints and the spatial disorder between them, by NumPy in float64.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy
    /tmp/venv/bin/python tests/golden/make_drift_golden.py

Tensors `reference_image`, `reference_text`, `current_image`, `current_text`
[N, D] are F32, not of unit length. Of each distribution there are
`NAME` (mean, 50th and 95th percentile, maximum) and `NAME.counts` (180 bins
of one degree). Scalars are single F64 values. All angles are in degrees. A
percentile is the smallest angle that the given share does not exceed.
"""
import json
import pathlib
import struct

import numpy as np


def unit(x):
    x = x.astype(np.float64)
    return x / np.sqrt((x * x).sum(axis=-1, keepdims=True))


def angle(a, b):
    """Angle between unit vectors along the last axis, by the half-angle."""
    chord = np.sqrt(((a - b) ** 2).sum(axis=-1))
    cochord = np.sqrt(((a + b) ** 2).sum(axis=-1))
    return np.rad2deg(2 * np.arctan2(chord, cochord))


def table(a, b):
    return angle(a[:, None, :], b[None, :, :])


def fit_rotation(before, after):
    """The orthogonal R that brings before @ R nearest to after."""
    n, d = before.shape
    u, _, wt = np.linalg.svd(before.T @ after + np.eye(d) * (1e-3 * n / d))
    return u @ wt


def distribution(angles):
    angles = np.ravel(angles)
    counts = np.bincount(np.minimum(angles.astype(np.int64), 179), minlength=180)
    p50, p95 = np.percentile(angles, [50, 95], method="inverted_cdf")
    return np.array([angles.mean(), p50, p95, angles.max()]), counts


def measure(reference, current):
    (v, t), (w, u) = reference, current
    upper = np.triu_indices(len(v), 1)
    turned_image, turned_text = angle(v, w), angle(t, u)
    rotation_v, rotation_t = fit_rotation(v, w), fit_rotation(t, u)
    half = [fit_rotation(v[k::2], w[k::2]) for k in (0, 1)]
    distributions = {
        "self_angle_change_image": np.abs(table(w, w) - table(v, v))[upper],
        "self_angle_change_text": np.abs(table(u, u) - table(t, t))[upper],
        "rotation_image": turned_image,
        "rotation_text": turned_text,
        "rotation_gap": np.abs(turned_image - turned_text),
        "cross_angle_change": np.abs(table(w, u) - table(v, t)),
    }
    result = {}
    for name, angles in distributions.items():
        result[name], result[name + ".counts"] = distribution(angles)
    scalars = {
        "deviation": angle(v @ rotation_v, v @ rotation_t).mean(),
        "deviation_floor": angle(v @ half[0], v @ half[1]).mean(),
        "residual_image": angle(v @ rotation_v, w).mean(),
        "residual_text": angle(t @ rotation_t, u).mean(),
    }
    result.update({k: np.array([x]) for k, x in scalars.items()})
    return result


def write_safetensors(path, tensors):
    names = {"float32": "F32", "float64": "F64", "int64": "I64"}
    header, data = {}, b""
    for name, array in sorted(tensors.items(),
                              key=lambda item: (-item[1].itemsize, item[0])):
        begin = len(data)
        data += np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype.name],
                        "shape": list(array.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def cases(rng):
    def noise(n, d):
        return rng.normal(size=(n, d))

    def orthogonal(d):
        return np.linalg.qr(noise(d, d))[0]

    v, t, q, r = noise(40, 12), noise(40, 12), orthogonal(12), orthogonal(12)
    yield "random", (v, t), (noise(40, 12), noise(40, 12))
    yield "rotated", (v, t), (v @ q, t @ q)
    yield "turned_apart", (v, t), (v @ q, t @ r)
    yield "near", (v, t), (v + 1e-3 * noise(40, 12), t + 1e-4 * noise(40, 12))
    centre = noise(1, 12)
    yield "collapsed", (v, t), (centre + 1e-2 * noise(40, 12),
                                -centre + 1e-2 * noise(40, 12))
    yield "few", (v[:9], t[:9]), (v[:9] @ q + 0.2 * noise(9, 12), t[:9] @ q)


def main():
    folder = pathlib.Path(__file__).resolve().parent
    for name, reference, current in cases(np.random.default_rng(20230507)):
        reference = [x.astype(np.float32) for x in reference]
        current = [x.astype(np.float32) for x in current]
        tensors = measure([unit(x) for x in reference],
                          [unit(x) for x in current])
        tensors.update(reference_image=reference[0], reference_text=reference[1],
                       current_image=current[0], current_text=current[1])
        write_safetensors(folder / f"drift_{name}.safetensors", tensors)


if __name__ == "__main__":
    main()
