"""Which runs the experiment has, and which settings follow from those that are there. Pure.

`scores` is {run name: mean R@5 after the last phase on the halves for choosing}.
"""
import figures
from settings import CHOSEN_ON_EACH, FAMILIES, SEEDS, STREAMS, run_of


def candidates(stream, family, scores):
    """[settings] of a family's variants on a stream; None while what they build on is not chosen."""
    base = {}
    if family.base:
        parent = next(f for f in FAMILIES if f.name == family.base)
        base = choice(stream, parent, scores)
        if base is None:
            return None
    variants = family.variants
    if stream != STREAMS[0] and family.name not in CHOSEN_ON_EACH:
        position = chosen_position(STREAMS[0], family, scores)
        if position is None:
            return None
        variants = [variants[position]]
    return [{**base, **variant} for variant in variants]


def chosen_position(stream, family, scores):
    """Of the candidate with the best score of the first seed; None while one is missing."""
    tried = candidates(stream, family, scores)
    if tried is None:
        return None
    if len(tried) == 1:
        return 0
    names = [run_of(stream, SEEDS[0], settings).name for settings in tried]
    if not all(name in scores for name in names):
        return None
    return figures.best([scores[name] for name in names])


def choice(stream, family, scores):
    """The family's chosen settings; None while they are open."""
    position = chosen_position(stream, family, scores)
    return None if position is None else candidates(stream, family, scores)[position]


def depth(family):
    """How many choices it builds on."""
    return 1 + depth(next(f for f in FAMILIES if f.name == family.base)) if family.base else 0


def due(scores):
    """Runs that are not there and that can be named by now, in the order in which they are wanted: with the first seed
    what builds on no choice, for all streams, then the rest; then the other seeds."""
    wanted = [run_of(stream, SEEDS[0], settings) for family in sorted(FAMILIES, key=depth) for stream in STREAMS
              for settings in candidates(stream, family, scores) or []]
    wanted += [run_of(stream, seed, settings) for seed in SEEDS[1:] for family in FAMILIES for stream in STREAMS
               if (settings := choice(stream, family, scores)) is not None]
    return [run for run in dict.fromkeys(wanted) if run.name not in scores]


def total():
    """How many runs there are in all, at most: some settings are in two families."""
    runs = set()
    for stream in STREAMS:
        for family in FAMILIES:
            every = stream == STREAMS[0] or family.name in CHOSEN_ON_EACH
            for position in range(len(family.variants) if every else 1):
                runs.add((stream, SEEDS[0], family.name, position))
            for seed in SEEDS[1:]:
                runs.add((stream, seed, family.name, 0))
    return len(runs)
