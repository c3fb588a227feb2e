#!/usr/bin/env python3
"""Compares Keel's tokens and image tensors with open_clip 3.3.0.

  tokens_and_images.py --dump build/cpu/tests/keel-data-dump \\
      [--shard SHARD.tar | --pictures /usr/share/openclipart/png] \\
      [--samples 256] [--captions 3000] [--image-size 224] [--context-length 77]

Without --shard it packs pictures of --pictures (Debian's openclipart-png) into
one: every picture as PNG, JPEG or WebP in turn, its caption made of its path;
and pictures of every kind that Keel takes (make_image_golden.py). Then captions
in many scripts (captions.py), made anew. Pictures are taken as RGB, as
open_clip's training loader reads them. Prints the largest differences; exit
status 1 if there is any but those of docs/formats/chunk.md, "Beside OpenCLIP".
Needs open_clip_torch==3.3.0 and pillow==13.0.0 (older ones resize tall pictures
in another order).
"""
import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import unicodedata

import ftfy
import numpy as np
import torch
from PIL import Image

import open_clip
from open_clip.transform import PreprocessCfg, image_transform_v2

from captions import captions
from make_image_golden import as_rgb, write_pictures

Image.MAX_IMAGE_PIXELS = None
MAX_PICTURE_BYTES = 400_000
MEAN, STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dump", required=True, help="the keel-data-dump program")
    parser.add_argument("--shard", help="a WebDataset shard; default: made from --pictures")
    parser.add_argument("--pictures", default="/usr/share/openclipart/png")
    parser.add_argument("--samples", type=int, default=256, help="pictures to pack")
    parser.add_argument("--captions", type=int, default=3000, help="captions to make")
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


def write_shard(path, samples):
    """`samples`: key, extension of the image, its bytes, caption."""
    with tarfile.open(path, "w") as tar:
        for key, kind, image, caption in samples:
            for name, data in ((f"{key}.{kind}", image), (f"{key}.txt", caption.encode())):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def clip_art(folder, count):
    for i, path in enumerate(list_pictures(folder, count)):
        kind = ("png", "png", "jpg", "webp")[i % 4]
        yield f"{i:06d}", kind, encode(path, kind), caption_of(path, folder)


def every_kind(folder):
    os.makedirs(folder)
    write_pictures(folder)
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            yield name.replace(".", "_"), name.partition(".")[2], f.read(), name


def captions_alone(count):
    dot = io.BytesIO()
    Image.new("RGB", (1, 1)).save(dot, "PNG")
    for i, caption in enumerate(captions(count)):
        yield f"{i:06d}", "png", dot.getvalue(), caption


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


def has_known_difference(caption, cleaned):
    """What ftfy repairs as wrongly decoded; characters newer than this Python's Unicode."""
    return (ftfy.fix_text(caption) != ftfy.fix_text(caption, fix_encoding=False)
            or any(unicodedata.category(c) == "Cn" for c in cleaned))


def compare(keys, tokens, images, samples, image_size, context_length):
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    transform = image_transform_v2(PreprocessCfg(size=image_size), is_train=False)
    wrong, known, worst = 0, 0, (0.0, "")
    for key, row, image in zip(keys, tokens, images):
        data, caption = samples[key]
        if not np.array_equal(row, tokenizer(caption, context_length)[0].numpy()):
            if has_known_difference(caption, tokenizer.clean_fn(caption)):
                known += 1
                continue
            wrong += 1
            print(f"tokens differ: {key}: {caption!a}")
        reference = transform(as_rgb(Image.open(io.BytesIO(data))))
        difference = (normalise(image) - reference).abs().max().item()
        if difference:
            print(f"images differ: {key}: {difference:g}")
        worst = max(worst, (difference, key))
    return wrong, known, worst


def check(dump, shard, out, image_size, context_length):
    subprocess.run([dump, shard, out, str(image_size), str(context_length)], check=True)
    keys, tokens, images = read_dump(out, image_size, context_length)
    samples = read_shard(shard)
    wrong, known, (difference, key) = compare(keys, tokens, images, samples, image_size, context_length)
    missing = sorted(set(samples) - set(keys))
    print(f"{len(keys)} samples at {image_size} px, {context_length} tokens: captions with other tokens: {wrong}, "
          f"of a documented difference: {known}, "
          f"largest difference of normalised images: {difference:g}{' in ' + key if difference else ''}, "
          f"samples that Keel left out: {', '.join(missing) or 'none'}", flush=True)
    return not (wrong or difference or missing or not keys or known > len(keys) // 50)


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        def path(name):
            return os.path.join(folder, name)

        shards = [(arguments.shard, arguments.image_size)]
        if arguments.shard is None:
            write_shard(path("pictures.tar"), [*clip_art(arguments.pictures, arguments.samples),
                                               *every_kind(path("kinds"))])
            write_shard(path("captions.tar"), captions_alone(arguments.captions))
            shards = [(path("pictures.tar"), arguments.image_size), (path("captions.tar"), 16)]
        good = [check(arguments.dump, shard, path(f"out-{i}"), image_size, arguments.context_length)
                for i, (shard, image_size) in enumerate(shards)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
