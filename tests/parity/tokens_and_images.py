#!/usr/bin/env python3
"""Compares Keel's tokens and image tensors with open_clip 3.3.0 on real pictures.

  tokens_and_images.py --dump build/cpu/tests/keel-data-dump \\
      [--shard SHARD.tar | --pictures /usr/share/openclipart/png] \\
      [--samples 256] [--image-size 224] [--context-length 77]

Without --shard it packs pictures of --pictures (Debian's openclipart-png) into
one: every picture as PNG, JPEG or WebP in turn, its caption made of its path.
Pictures are taken as RGB, as open_clip's training loader reads them. Prints
the largest differences; exit status 1 if there is any. Needs open_clip_torch==3.3.0
and pillow==13.0.0 (older ones resize tall pictures in another order).
"""
import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
import torch
from PIL import Image

import open_clip
from open_clip.transform import PreprocessCfg, image_transform_v2

Image.MAX_IMAGE_PIXELS = None
MAX_PICTURE_BYTES = 400_000
MEAN, STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dump", required=True, help="the keel-data-dump program")
    parser.add_argument("--shard", help="a WebDataset shard; default: made from --pictures")
    parser.add_argument("--pictures", default="/usr/share/openclipart/png")
    parser.add_argument("--samples", type=int, default=256, help="pictures to pack")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--context-length", type=int, default=77)
    return parser.parse_args()


def list_pictures(folder, count):
    """`count` pictures, evenly spread over the sorted paths."""
    paths = []
    for root, _, names in os.walk(folder):
        paths += [os.path.join(root, name) for name in names if name.endswith(".png")]
    paths = sorted(p for p in paths if os.path.getsize(p) <= MAX_PICTURE_BYTES)
    return paths[:: max(len(paths) // count, 1)][:count]


def encode(path, kind):
    if kind == "png":
        with open(path, "rb") as f:
            return f.read()
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGBA" if kind == "webp" else "RGB").save(out, format={"jpg": "JPEG", "webp": "WEBP"}[kind])
    return out.getvalue()


def caption_of(path, folder):
    stem = os.path.splitext(os.path.relpath(path, folder))[0]
    return "Clip-art &amp; “" + stem.replace("_", " ").replace("/", ", ") + "” it’s"


def pack(folder, count, shard):
    with tarfile.open(shard, "w") as tar:
        def add(name, data):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))

        for i, path in enumerate(list_pictures(folder, count)):
            kind = ("png", "png", "jpg", "webp")[i % 4]
            add(f"{i:06d}.{kind}", encode(path, kind))
            add(f"{i:06d}.txt", caption_of(path, folder).encode())


def read_shard(shard):
    """Key -> (image bytes, caption) of samples with a .txt caption."""
    images, captions = {}, {}
    with tarfile.open(shard) as tar:
        for entry in tar:
            key, _, extension = entry.name.partition(".")
            data = tar.extractfile(entry).read() if entry.isfile() else b""
            if extension in ("png", "jpg", "jpeg", "webp"):
                images[key] = data
            elif extension == "txt":
                captions[key] = data.decode().rstrip("\r\n")
    return {key: (images[key], captions[key]) for key in captions if key in images}


def read_dump(folder, image_size, context_length):
    with open(os.path.join(folder, "keys.txt")) as f:
        keys = f.read().split("\n")[:-1]
    tokens = np.fromfile(os.path.join(folder, "tokens.bin"), "<i4").reshape(len(keys), context_length)
    images = np.fromfile(os.path.join(folder, "images.bin"), np.uint8)
    return keys, tokens, images.reshape(len(keys), 3, image_size, image_size)


def normalise(image):
    values = torch.from_numpy(image).to(torch.float32).div(255)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return values.sub(mean).div(std)


def compare(keys, tokens, images, samples, arguments):
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    transform = image_transform_v2(PreprocessCfg(size=arguments.image_size), is_train=False)
    wrong_captions, worst = 0, (0.0, "")
    for key, row, image in zip(keys, tokens, images):
        data, caption = samples[key]
        expected = tokenizer(caption, arguments.context_length)[0].numpy()
        if not np.array_equal(row, expected):
            wrong_captions += 1
            print(f"tokens differ: {key}: {caption!r}")
        reference = transform(Image.open(io.BytesIO(data)).convert("RGB"))
        difference = (normalise(image) - reference).abs().max().item()
        worst = max(worst, (difference, key))
    return wrong_captions, worst


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        shard = arguments.shard
        if shard is None:
            shard = os.path.join(folder, "shard.tar")
            pack(arguments.pictures, arguments.samples, shard)
        out = os.path.join(folder, "out")
        subprocess.run([arguments.dump, shard, out, str(arguments.image_size),
                        str(arguments.context_length)], check=True)
        keys, tokens, images = read_dump(out, arguments.image_size, arguments.context_length)
        samples = read_shard(shard)
        wrong, (difference, key) = compare(keys, tokens, images, samples, arguments)
    missing = len(samples) - len(keys)
    print(f"{len(keys)} samples at {arguments.image_size} px: captions with other tokens: {wrong}, "
          f"largest difference of normalised images: {difference:g}{' in ' + key if difference else ''}, "
          f"samples that Keel left out: {missing}")
    return 1 if wrong or difference or missing or not keys else 0


if __name__ == "__main__":
    sys.exit(main())
