"""Trains one run and takes its figures from the product's answers."""
import hashlib
import os
import shutil

import data
import figures
from cluster import Cluster, embed
from settings import configuration, run_of

# Degrees by which `keel drift` and the script may differ: the shard holds float32.
TOLERANCE = 0.05


class Lab:
    """Folders of the experiment: data, first checkpoints, and scratch for a lane each."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def shard(self, stream, name):
        return self.path("data", stream, name + ".tar")

    def first(self, stream, seed):
        return self.path("first", f"{stream}-{seed}")


def digest(checkpoint):
    with open(os.path.join(checkpoint, "open_clip_model.safetensors"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def train_first(lab, stream, seed, lane):
    """Makes the checkpoint after the first domain, from random weights."""
    domain = data.DOMAINS[stream][0]
    run = run_of(stream, seed, {})
    with Cluster(lab.folder, lane) as cluster:
        cluster.train(configuration(run), [], [lab.shard(stream, domain + "-train")])
        scratch = lab.path(f"pulled-{lane}")
        shutil.rmtree(scratch, ignore_errors=True)
        cluster.keel("checkpoint", "pull", "s@1", "--out", scratch)
    shutil.rmtree(lab.first(stream, seed), ignore_errors=True)
    os.replace(scratch, lab.first(stream, seed))


def perform(lab, run, lane):
    """Trains a run; its figures."""
    domains = data.DOMAINS[run.stream]
    first = lab.first(run.stream, run.seed)
    chunks = [lab.shard(run.stream, d + "-train") for d in domains[1 if run.from_first else 0:]]
    probes = [lab.shard(run.stream, f"{d}-{half}") for d in domains for half in data.SETS]
    with Cluster(lab.folder, lane) as cluster:
        seen = cluster.train(configuration(run, first if run.from_first else ""), probes, chunks)
        recall = cluster.json("recall", "s")
        if run.in_one_phase:
            return {"matrices": read_matrices(recall, domains, [1]), "drift": [], "kept": None}
        if not run.from_first:
            check_same_first(lab, cluster, first, lane)
        # The checkpoints that are the stages.
        stages = [stage + (0 if run.from_first else 1) for stage in range(len(domains))]
        embedded = [embed_checkpoint(lab, run, first, lane)] + [
            embed_checkpoint(lab, run, pull(lab, cluster, number, lane), lane) for number in stages[1:]]
        product = cluster.json("drift", "s")["drifts"]
    drifts = origin_drifts(embedded, domains, data.HALF[run.stream])
    if run.from_first:
        check_drift(product, domains[0], drifts[0])
    return {"matrices": read_matrices(recall, domains, stages), "drift": drifts, "kept": kept(seen)}


def pull(lab, cluster, number, lane):
    out = lab.path(f"pulled-{lane}")
    shutil.rmtree(out, ignore_errors=True)
    cluster.keel("checkpoint", "pull", f"s@{number}", "--out", out)
    return out


def check_same_first(lab, cluster, first, lane):
    """A run that trains the first domain itself must come to the same checkpoint."""
    if digest(pull(lab, cluster, 1, lane)) != digest(first):
        raise RuntimeError("phase 1 is not the seed's first checkpoint")


def embed_checkpoint(lab, run, checkpoint, lane):
    return embed(checkpoint, lab.shard(run.stream, "all-report"), lab.path(f"embedded-{lane}"))


def read_matrices(recall, domains, stages):
    """{half: matrix} in percent, of `keel recall`'s R@5; a row for each of the checkpoints `stages`."""
    rows = {row["checkpoint"]: row["values"] for row in recall["rows"]}
    return {half: [[round(100 * rows[number][f"{domain}-{half}"], 2) for domain in domains] for number in stages]
            for half in data.SETS}


def origin_drifts(embedded, domains, size):
    """[[stage, domain, measures...]]: each later stage against the one right after the domain was trained."""
    def of(stage, domain):
        rows = slice(domain * size, (domain + 1) * size)
        return tuple(side[rows] for side in embedded[stage])
    return [[stage, domain] + [round(x, 3) for x in figures.drift(of(domain, domain), of(stage, domain))]
            for stage in range(1, len(domains)) for domain in range(stage)]


def check_drift(product, first_domain, computed):
    """The first phase's parent is the first domain's origin: the product's own figures must be the same."""
    own = next(d for d in product if d["phase"] == 1 and d["reference"] == "parent"
               and d["probe"] == first_domain + "-report")
    names = ("self_angle_change_image", "self_angle_change_text", "rotation_image", "rotation_text", "rotation_gap",
             "cross_angle_change")
    for name, value in zip(names, computed[2:]):
        if abs(own[name]["mean"] - value) > TOLERANCE:
            raise RuntimeError(f"{name}: keel drift says {own[name]['mean']}, the experiment {value}")


def kept(seen):
    """Mean share of rows that screening kept, of the steps that were seen of phases with a parent; None without it."""
    shares = {}
    for phase in seen:
        progress = phase.get("progress", {})
        if phase.get("parent", 0) >= 0 and "teacher_agreement" in progress:
            shares[phase["number"], progress.get("step", 0)] = progress["teacher_agreement"]
    return round(figures.mean(list(shares.values())), 4) if shares else None


