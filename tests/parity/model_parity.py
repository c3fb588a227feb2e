#!/usr/bin/env python3
"""Compares Keel's CLIP with open_clip 3.3.0, both ways, on random inputs.

  model_parity.py --dump build/cpu/tests/keel-model-dump

For each architecture: a checkpoint folder that Keel wrote is loaded in
open_clip by `local-dir:`, and one made of open_clip's model is loaded in Keel.
Compares embeddings, the gradient of every parameter (largest difference over
largest value) and, between the two random initialisations, the spread of every
parameter. Exit status 1 if one is out of bounds. Needs open_clip_torch==3.3.0.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import open_clip
import torch
from safetensors.torch import load_file, save_file

EMBEDDING_BOUND = 2e-5
GRADIENT_BOUND = 2e-5
END_TOKEN = 49407


def config(vision, text, embed_dim=128, quick_gelu=True):
    image_size, patch_size, vision_layers = vision
    context, text_layers = text
    return {
        "embed_dim": embed_dim,
        "quick_gelu": quick_gelu,
        "vision_cfg": {"image_size": image_size, "patch_size": patch_size, "width": 192,
                       "layers": vision_layers, "head_width": 64},
        "text_cfg": {"context_length": context, "vocab_size": 49408, "width": 192,
                     "heads": 3, "layers": text_layers},
    }


ARCHITECTURES = {
    "tiny": config((64, 16, 4), (32, 3)),
    "tiny-bench": config((64, 8, 6), (77, 4)),
    "tiny, exact GELU": config((64, 16, 4), (32, 3), quick_gelu=False),
    "one layer each": config((32, 16, 1), (16, 1), embed_dim=64),
}


def make_inputs(model_config, count=16):
    generator = torch.Generator().manual_seed(1)
    size, context = model_config["vision_cfg"]["image_size"], model_config["text_cfg"]["context_length"]
    tokens = torch.zeros(count, context, dtype=torch.long)
    for i in range(count):
        end = 2 + i % (context - 2)
        tokens[i, 0] = END_TOKEN - 1
        tokens[i, 1:end] = torch.randint(1, END_TOKEN - 1, (end - 1,), generator=generator)
        tokens[i, end] = END_TOKEN

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    return {"images": normal(count, 3, size, size), "tokens": tokens,
            "image_weight": normal(count, model_config["embed_dim"]),
            "text_weight": normal(count, model_config["embed_dim"])}


def run_open_clip(model, inputs):
    model.zero_grad()
    image, text = model.encode_image(inputs["images"]), model.encode_text(inputs["tokens"])
    ((image * inputs["image_weight"]).sum() + (text * inputs["text_weight"]).sum()).backward()
    outputs = {"image": image.detach(), "text": text.detach()}
    outputs.update({"grad." + name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    return outputs


def run_keel(dump, folder, inputs, scratch):
    paths = [os.path.join(scratch, name) for name in ("inputs.safetensors", "outputs.safetensors")]
    save_file(inputs, paths[0])
    subprocess.run([dump, "run", folder, *paths], check=True)
    return load_file(paths[1])


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def without_key_bias(name, gradient):
    """The key bias has no gradient in exact mathematics: both hold noise."""
    if not name.endswith("attn.in_proj_bias"):
        return gradient
    width = len(gradient) // 3
    return torch.cat([gradient[:width], gradient[2 * width:]])


def compare(what, actual, expected):
    good = set(actual) == set(expected)
    if not good:
        print(f"  {what}: other parameters: {sorted(set(actual) ^ set(expected))}")
    embedding = max((unit(actual[k]) - unit(expected[k])).abs().max().item() for k in ("image", "text"))
    gradient, worst = 0.0, ""
    for name in sorted(set(actual) & set(expected) - {"image", "text"}):
        a, e = (without_key_bias(name, x[name]) for x in (actual, expected))
        error = ((a - e).abs().max() / e.abs().max()).item()
        if not error <= gradient:
            gradient, worst = error, name
    good = good and embedding <= EMBEDDING_BOUND and gradient <= GRADIENT_BOUND
    print(f"  {what}: embeddings differ by {embedding:.1e}, gradients by {gradient:.1e} ({worst})")
    return good


def compare_spread(keel, reference):
    """Standard deviations of two random initialisations, within six standard errors."""
    good, shared = set(keel) == set(reference), set(keel) & set(reference)
    for name in sorted(shared):
        a, b = keel[name].float(), reference[name].float()
        if a.shape != b.shape:
            print(f"  initialisation: {name} has the shape {a.shape}, not {b.shape}")
            good = False
        elif b.numel() < 2 or b.std() == 0:
            good = good and torch.allclose(a, b)
        elif abs(a.std() / b.std() - 1) > 6 * b.numel() ** -0.5:
            print(f"  initialisation: {name} has the spread {a.std():.4g}, not {b.std():.4g}")
            good = False
    print(f"  initialisation: {len(shared)} parameters {'agree' if good else 'DIFFER'}")
    return good


def check(dump, model_config, scratch):
    config_path, written = os.path.join(scratch, "config.json"), os.path.join(scratch, "written")
    with open(config_path, "w") as f:
        json.dump(model_config, f)
    subprocess.run([dump, "make", config_path, "5", written], check=True)
    inputs = make_inputs(model_config)
    loaded = open_clip.create_model("local-dir:" + written).eval()
    good = compare("Keel's checkpoint in open_clip", run_keel(dump, written, inputs, scratch),
                   run_open_clip(loaded, inputs))

    torch.manual_seed(5)
    made = open_clip.CLIP(**model_config).eval()
    folder = os.path.join(scratch, "made")
    os.makedirs(folder)
    save_file(made.state_dict(), os.path.join(folder, "open_clip_model.safetensors"))
    with open(os.path.join(folder, "open_clip_config.json"), "w") as f:
        json.dump({"model_cfg": model_config}, f)
    good &= compare("open_clip's model in Keel", run_keel(dump, folder, inputs, scratch),
                    run_open_clip(made, inputs))
    return compare_spread(loaded.state_dict(), made.state_dict()) and good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dump", required=True, help="the keel-model-dump program")
    arguments = parser.parse_args()
    good = True
    for name, model_config in ARCHITECTURES.items():
        print(name)
        with tempfile.TemporaryDirectory() as scratch:
            good &= check(arguments.dump, model_config, scratch)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
