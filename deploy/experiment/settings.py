"""What is tried: families of settings, and what a run of them is.

Settings are the keys of a stream's configuration (docs/training.md) that differ from COMMON.
"""
import dataclasses
import re

SEEDS = (0, 1, 2)
STREAMS = ("clipart", "symbols")
# All phases of all methods, so that what needs the first domain's samples may train them in the same stream. Smaller
# batches and a lower rate than the demo's: with 12 steps an epoch the later domains are learned at all.
COMMON = {"model.preset": "tiny", "method.name": "finetune", "group.max_workers": 1, "train.epochs": 6,
          "train.global_batch": 32, "train.lr": 2e-4, "probe.fraction": 0, "drift.live_every_steps": 0}
PUBLISHED_RATE = {"train.lr": 5e-4}
# Families whose variants are all tried on the second stream too; of the others it takes the one chosen on the first.
CHOSEN_ON_EACH = ("finetune", "modx")


@dataclasses.dataclass(frozen=True)
class Family:
    """One row of the results: variants of settings, of which the best is taken, over the choice of family `base`."""
    name: str
    variants: tuple
    base: str = ""


def values(key, *choices, **fixed):
    return tuple({**fixed, key: choice} for choice in choices)


def modx(alpha, reduction="batch_invariant"):
    return {"method.name": "modx", "method.alpha": alpha, "method.kl_reduction": reduction}


def replay(samples, per_batch):
    return {"method.replay.samples": samples, "method.replay.per_batch": per_batch}


SHARES = values("method.interpolate", 0.5, 0.7, 0.3)
SHARES_OF_REPLAY = SHARES[:2]
# All domains at once from random weights: one phase, which starts when all chunks are there.
JOINT = {"method.name": "joint", "phase.policy": "manual"}
FAMILIES = (
    Family("finetune, published rate", (PUBLISHED_RATE,)),
    Family("finetune", values("train.lr", 2e-4, 1e-4, 5e-4)),
    Family("modx, published rate and alpha", ({**modx(20), **PUBLISHED_RATE},)),
    Family("modx", (modx(20), modx(5), modx(60), modx(200, "kept_rows"), modx(800, "kept_rows"))),
    Family("lwf", values("method.alpha", 1, 0.5, 3, **{"method.name": "lwf"})),
    Family("replay", (replay(256, 16), replay(512, 32))),
    Family("ewc", values("method.ewc_lambda", 5e3, 5e4, 5e5, **{"method.name": "ewc"})),
    Family("finetune + interpolation", SHARES, "finetune"),
    Family("modx + interpolation", SHARES, "modx"),
    Family("modx + replay", (modx(20), modx(5)), "replay"),
    Family("replay + interpolation", SHARES_OF_REPLAY, "replay"),
    Family("modx + replay + interpolation", SHARES_OF_REPLAY, "modx + replay"),
    Family("joint", (JOINT,)),
)


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of a stream."""
    stream: str
    seed: int
    settings: tuple  # sorted (key, value) pairs that differ from COMMON

    @property
    def from_first(self):
        """Whether it starts from the seed's first checkpoint. What needs the first domain's samples or its Fisher
        diagonal trains that phase itself, with the same result."""
        keys = dict(self.settings)
        return keys.get("method.name") not in ("ewc", "joint") and "method.replay.samples" not in keys

    @property
    def in_one_phase(self):
        return dict(self.settings).get("phase.policy") == "manual"

    @property
    def name(self):
        return f"{self.stream}-{self.seed}-" + (re.sub(r"[^\w.]+", "-", label(self.settings)) or "finetune")


def run_of(stream, seed, settings):
    """Settings that are the defaults of COMMON are the same run as none."""
    return Run(stream, seed, tuple(sorted((k, v) for k, v in settings.items() if COMMON.get(k) != v)))


def label(settings):
    """Settings in short, for tables and file names."""
    return ", ".join(f"{key.split('.', 1)[1].removeprefix('replay.')} {value:g}" if isinstance(value, (int, float))
                     else value for key, value in settings if value != "batch_invariant")


def configuration(run, initial=""):
    """The stream's configuration, nested."""
    flat = {**COMMON, **dict(run.settings), "train.seed": run.seed}
    if initial:
        flat["initial.checkpoint"] = initial
    nested = {}
    for key, value in flat.items():
        *parents, leaf = key.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return nested
