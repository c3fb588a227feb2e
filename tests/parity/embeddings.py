#!/usr/bin/env python3
"""Loads a checkpoint that Keel published into open_clip and compares its
embeddings of a shard with those of `keel-worker embed`.

  embeddings.py --bin build/cpu/bin --checkpoint DIR --shard SHARD.tar [--samples 64]

Without --checkpoint and --shard it packs real pictures (Debian's openclipart,
deploy/demo/prepare.py), trains one epoch with two workers, and pulls the result.
Prints the largest difference; exit status 1 above 2e-5. Needs
open_clip_torch==3.3.0.
"""
import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors import safe_open

HERE = os.path.dirname(os.path.abspath(__file__))
BOUND = 2e-5


def read_shard(path, count):
    """Key -> (image, caption), in tar order."""
    samples = {}
    with tarfile.open(path) as tar:
        for entry in tar:
            key, extension = entry.name.split(".", 1)
            data = tar.extractfile(entry).read()
            image, caption = samples.get(key, (None, None))
            if extension == "txt":
                caption = data.decode().rstrip("\r\n")
            else:
                image = Image.open(io.BytesIO(data)).convert("RGB")
            samples[key] = (image, caption)
    return dict(list(samples.items())[:count])


def open_clip_embeddings(checkpoint, samples):
    model, _, transform = open_clip.create_model_and_transforms("local-dir:" + checkpoint)
    tokenizer = open_clip.get_tokenizer("local-dir:" + checkpoint)
    model.eval()
    with torch.no_grad():
        images = torch.stack([transform(image) for image, _ in samples.values()])
        tokens = tokenizer([caption for _, caption in samples.values()])
        return (model.encode_image(images, normalize=True).numpy(),
                model.encode_text(tokens, normalize=True).numpy())


def keel_embeddings(worker, checkpoint, shard, out):
    subprocess.run([worker, "embed", "--checkpoint", checkpoint, "--shard", shard, "--out", out], check=True)
    with safe_open(out, "numpy") as file:
        return file.get_tensor("image"), file.get_tensor("text"), file.metadata()["keys"]


def train(folder):
    """A checkpoint and a shard, made by a real cluster from real pictures."""
    sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
    from cluster import Cluster
    subprocess.run(["/usr/bin/python3", os.path.join(HERE, "../../deploy/demo/prepare.py"), folder], check=True)
    with Cluster(workers=2) as cluster:
        for part in ("train", "probe"):
            cluster.keel("pack", "--images", os.path.join(folder, "images"), "--captions",
                         os.path.join(folder, f"4-things-{part}.tsv"), "--out", os.path.join(folder, part))
        config = os.path.join(HERE, "../../deploy/demo/first.yaml")
        cluster.keel("stream", "create", "parity", "--config", config)
        cluster.keel("submit", "parity", os.path.join(folder, "train", "shard-000000.tar"))
        cluster.keel("phase", "watch", "parity")
        cluster.keel("checkpoint", "pull", "parity@1", "--out", os.path.join(folder, "model"))
    return os.path.join(folder, "model"), os.path.join(folder, "probe", "shard-000000.tar")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of keel-worker")
    parser.add_argument("--checkpoint")
    parser.add_argument("--shard")
    parser.add_argument("--samples", type=int, default=64)
    arguments = parser.parse_args()
    os.environ["KEEL_BIN"] = os.path.abspath(arguments.bin)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, shard = arguments.checkpoint, arguments.shard
        if not checkpoint:
            checkpoint, shard = train(folder)
        samples = read_shard(shard, arguments.samples)
        image, text = open_clip_embeddings(os.path.abspath(checkpoint), samples)
        keel_image, keel_text, _ = keel_embeddings(
            os.path.join(arguments.bin, "keel-worker"), checkpoint, shard, os.path.join(folder, "e.safetensors"))
        count = len(samples)
        differences = [np.abs(keel_image[:count] - image).max(), np.abs(keel_text[:count] - text).max()]
    print(f"embeddings of {count} samples: largest difference image {differences[0]:.1e}, "
          f"text {differences[1]:.1e}; bound {BOUND:.0e}")
    return 0 if max(differences) <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
