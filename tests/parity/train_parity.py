#!/usr/bin/env python3
"""Trains the same batches with Keel's step and with a plain PyTorch script.

  train_parity.py --dump build/cpu/tests/keel-train-dump

The script below is open_clip's model, torch.optim.AdamW, and Mod-X's loss as
arXiv 2305.07437 and its published code define it. Runs: `tiny` without a
parent, `tiny` with Mod-X after that (profiles modx-safe and modx-official,
each with all its defaults), and a small ResNet with BatchNorm over the batch.
Keel chooses the pairs of each step, by its plan. Compares the losses of every
step, relative, Mod-X's KL beside its largest, and a ResNet's running
statistics. Exit status 1 if one is out of bounds. Needs open_clip_torch==3.3.0;
downloads nothing.
"""
import argparse
import copy
import json
import math
import os
import subprocess
import sys
import tempfile

import open_clip
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

BOUND = 2e-5
STATISTICS_BOUND = 1e-4
# Below it the KL would prove nothing.
LEAST_KL = 1e-6
# Pairs in ten whole batches, and some that do not fill one.
PAIRS, BATCH = 165, 16
START_TOKEN, END_TOKEN = 49406, 49407

TINY = {
    "embed_dim": 128, "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 192, "layers": 4, "head_width": 64},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 192, "heads": 3, "layers": 3},
}
RESNET = {**TINY, "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}}

# What the plain script does; `config` is all that Keel is told of it. The
# switches of the profiles are left to Keel's defaults.
PLAIN = {"alpha": 0, "reduction": None, "lr": 1e-4, "warmup": 0.2, "weight_decay": 0.1, "betas": (0.9, 0.999),
         "epsilon": 1e-8, "decay_all": False, "drop_last": False, "epochs": 5,
         "config": "method: {name: finetune}"}
SAFE = {**PLAIN, "alpha": 20, "reduction": "batch_invariant", "config": "method: {name: modx}"}
OFFICIAL = {**PLAIN, "alpha": 20, "reduction": "sum", "decay_all": True, "drop_last": True,
            "config": "method: {name: modx, profile: modx-official}"}
# By its usual epsilon AdamW moves an element whose gradient is almost zero by a
# whole step, in the direction of its rounding; with ReLU that grows. After 50
# steps this script itself, with the rows of each batch in reverse, is 1e-3 off.
SMOOTH = {**PLAIN, "lr": 3e-4, "epsilon": 1e-3, "epochs": 2}


def make_pairs(model_config, seed):
    """Blurred noise, the same pairs in each epoch, so that something is learnt."""
    generator = torch.Generator().manual_seed(seed)
    size, context = model_config["vision_cfg"]["image_size"], model_config["text_cfg"]["context_length"]
    noise = torch.rand(PAIRS, 3, 6, 6, generator=generator)
    images = (F.interpolate(noise, size=(size, size), mode="bilinear") * 255).to(torch.uint8)
    tokens = torch.zeros(PAIRS, context, dtype=torch.int32)
    for row in tokens:
        end = int(torch.randint(2, context, (), generator=generator))
        row[0] = START_TOKEN
        row[1:end] = torch.randint(1, START_TOKEN, (end - 1,), generator=generator)
        row[end] = END_TOKEN
    return {"images": images, "tokens": tokens}


# ---- the plain script -------------------------------------------------------

def normalise(pixels):
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
    std = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def learning_rate(settings, step, steps):
    warmup = int(settings["warmup"] * steps)
    if step < warmup:
        return settings["lr"] * step / warmup
    return settings["lr"] * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def cosines(model, images, tokens):
    """Of every image with every text; float64 from the features on, so that the
    loss's own rounding is not what is compared."""
    return F.normalize(model.encode_image(images).double()) @ F.normalize(model.encode_text(tokens).double()).T


def divergence(old, new):
    """Sum over rows of KL(softmax(old) || softmax(new)), the old model's wrong rows replaced by the new one's."""
    wrong = old.argmax(dim=1) != torch.arange(len(old))
    target = torch.where(wrong[:, None], new.detach(), old)
    return F.kl_div(F.log_softmax(new, dim=1), F.softmax(target, dim=1), reduction="sum")


def loss_terms(model, teacher, images, tokens, settings):
    similarity = cosines(model, images, tokens)
    target = torch.arange(len(similarity))
    logits = model.logit_scale.double().exp() * similarity
    contrastive = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    if teacher is None:
        return contrastive, contrastive, torch.zeros(())
    with torch.no_grad():
        old = cosines(teacher, images, tokens)
    distill = (divergence(old, similarity) + divergence(old.T, similarity.T)) / 2
    scale = 1.0 if settings["reduction"] == "sum" else 280 / len(similarity)
    return contrastive + settings["alpha"] * scale * distill, contrastive, distill


def make_optimizer(model, settings):
    decays = [p for p in model.parameters() if settings["decay_all"] or p.ndim > 1]
    others = [p for p in model.parameters() if not settings["decay_all"] and p.ndim <= 1]
    groups = [{"params": decays, "weight_decay": settings["weight_decay"]}]
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=settings["lr"], betas=settings["betas"], eps=settings["epsilon"])


def train(model, pairs, batches, settings):
    """Losses of all steps: total, contrastive, KL. `batches`: the pairs of each step."""
    teacher = copy.deepcopy(model).eval() if settings["alpha"] else None
    model.train()
    optimizer = make_optimizer(model, settings)
    losses = []
    for step, rows in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step, len(batches))
        images, tokens = normalise(pairs["images"][rows]), pairs["tokens"][rows].long()
        total, contrastive, distill = loss_terms(model, teacher, images, tokens, settings)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        losses.append([total.item(), contrastive.item(), distill.item()])
    return torch.tensor(losses, dtype=torch.float64)


# ---- the comparison ---------------------------------------------------------

def make_start(model_config, folder):
    torch.manual_seed(3)
    model = open_clip.CLIP(**model_config)
    os.makedirs(folder)
    save_file(model.state_dict(), os.path.join(folder, "open_clip_model.safetensors"))
    with open(os.path.join(folder, "open_clip_config.json"), "w") as f:
        json.dump({"model_cfg": model_config}, f)


def run_keel(dump, start, pairs, settings, out):
    """Keel's losses, and the pairs of each step."""
    lines = [settings["config"],
             f"train: {{epochs: {settings['epochs']}, global_batch: {BATCH}, lr: {settings['lr']}, "
             f"epsilon: {settings['epsilon']}}}"]
    paths = [out + suffix for suffix in (".yaml", ".safetensors")]
    with open(paths[0], "w") as f:
        f.write("\n".join(lines) + "\n")
    save_file(pairs, paths[1])
    subprocess.run([dump, start, *paths, out], check=True)
    results = load_file(os.path.join(out, "losses.safetensors"))
    return results["losses"], [rows[rows >= 0] for rows in results["rows"]]


def check_batches(batches, settings):
    """Each epoch takes no pair twice, and all of them but for what does not fill a batch."""
    per_epoch = PAIRS // BATCH if settings["drop_last"] else -(-PAIRS // BATCH)
    assert len(batches) == settings["epochs"] * per_epoch, len(batches)
    for first in range(0, len(batches), per_epoch):
        epoch = torch.cat(batches[first:first + per_epoch])
        assert len(set(epoch.tolist())) == len(epoch) == (per_epoch * BATCH if settings["drop_last"] else PAIRS)


def compare_statistics(out, model):
    keel = load_file(os.path.join(out, "open_clip_model.safetensors"))
    worst = 0.0
    for name, buffer in model.visual.named_buffers():
        actual, expected = keel["visual." + name].double(), buffer.double()
        worst = max(worst, ((actual - expected).abs().max() / expected.abs().max()).item())
    print(f"  running statistics differ by {worst:.1e}; bound {STATISTICS_BOUND:.0e}")
    return worst <= STATISTICS_BOUND


def compare_kl(keel, plain):
    error = ((keel - plain).abs().max() / plain.max()).item()
    print(f"  KL up to {plain.max():.1e}, differs by {error:.1e} of that; bound {BOUND:.0e}")
    return error <= BOUND and plain.max() > LEAST_KL


def check(dump, name, start, model_config, settings, seed, out):
    pairs = make_pairs(model_config, seed)
    keel, batches = run_keel(dump, start, pairs, settings, out)
    check_batches(batches, settings)
    model = open_clip.create_model("local-dir:" + start)
    plain = train(model, pairs, batches, settings)
    error = ((keel - plain)[:, :2].abs() / plain[:, :2].abs()).max().item()
    print(f"{name}: {len(plain)} steps, loss {plain[0, 0]:.4f} to {plain[-1, 0]:.4f}: "
          f"curves differ by {error:.1e}; bound {BOUND:.0e}", flush=True)
    good = error <= BOUND and plain[-1, 0] < plain[0, 0]
    if settings["alpha"]:
        good = compare_kl(keel[:, 2], plain[:, 2]) and good
    if isinstance(model_config["vision_cfg"]["layers"], list):
        good = compare_statistics(out, model) and good
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dump", required=True, help="the keel-train-dump program")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        def path(name):
            return os.path.join(scratch, name)

        make_start(TINY, path("tiny"))
        make_start(RESNET, path("resnet"))
        runs = [("tiny", "tiny", TINY, PLAIN, 1, "trained"),
                ("tiny, Mod-X, modx-safe", "trained", TINY, SAFE, 3, "safe"),
                ("tiny, Mod-X, modx-official", "trained", TINY, OFFICIAL, 2, "official"),
                ("small ResNet", "resnet", RESNET, SMOOTH, 1, "resnet-trained")]
        results = [check(arguments.dump, name, path(start), model_config, settings, seed, path(out))
                   for name, start, model_config, settings, seed, out in runs]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
