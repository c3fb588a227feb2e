"""The experiment's compact figures, docs/results/figures.json, and the tables of docs/results.md that are made of them.

A compact run: stream, seed, settings, seconds, `choose` (R@5 by domain after the last phase, on the half for choosing),
`matrix` (R@5 by stage and domain, on the half for reporting), `drift` ([stage, domain, measures...] there, against the
checkpoint after the domain was trained), `kept` (share of rows that screening kept).
"""
import json
import os
import re

import figures
import plan
from settings import COMMON, FAMILIES, SEEDS, STREAMS, run_of

FIGURES = os.path.join("docs", "results", "figures.json")
DOCUMENT = os.path.join("docs", "results.md")
SHORT = {"method.alpha": "alpha {}", "method.kl_reduction": "{}", "method.ewc_lambda": "lambda {}",
         "method.interpolate": "share {}", "method.replay.samples": "{} kept", "method.replay.per_batch": "{} a batch",
         "train.lr": "rate {}"}


def compact(runs, pairs):
    """Of the raw runs those figures that the document needs."""
    kept = ("stream", "seed", "settings", "seconds", "drift", "kept")
    return {"pairs": pairs,
            "runs": {name: {**{key: run[key] for key in kept}, "choose": run["matrices"]["choose"][-1],
                            "matrix": run["matrices"]["report"]} for name, run in sorted(runs.items())}}


def dump(found):
    """A line for each run."""
    runs = ",\n".join(f"{json.dumps(name)}: {json.dumps(run)}" for name, run in found["runs"].items())
    return f'{{"pairs": {json.dumps(found["pairs"])},\n"runs": {{\n{runs}\n}}}}\n'


def scores(runs):
    """{run: mean R@5 by which settings are chosen}"""
    return {name: figures.mean(run["choose"]) for name, run in runs.items()}


def shown(settings):
    """Settings in short; what the family's name says is left out."""
    parts = [SHORT[key].format(f"{value:g}" if not isinstance(value, str) else value)
             for key, value in settings.items() if key in SHORT and value != "batch_invariant"]
    return ", ".join(parts)


def table(head, rows):
    lines = [head, ["---"] * len(head)] + rows
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def over_seeds(values):
    """Mean and spread, as it is printed."""
    spread = figures.spread(values)
    return f"{figures.mean(values):.1f}" + ("" if spread is None else f" ± {spread:.1f}")


def percent(share):
    return "" if share is None else f"{100 * share:.0f} %"


def chosen(found):
    """{stream: {family name: [compact run of each seed that is there]}}; families without a run are left out."""
    marks = scores(found["runs"])
    result = {}
    for stream in STREAMS:
        result[stream] = {}
        for family in FAMILIES:
            settings = plan.choice(stream, family, marks)
            names = [] if settings is None else [run_of(stream, seed, settings).name for seed in SEEDS]
            if runs := [found["runs"][name] for name in names if name in found["runs"]]:
                result[stream][family.name] = runs
    return result


def pairs_table(found, stream):
    return table(["domain", "trained", "held out for choosing", "for reporting"],
                 [[d, n["train"], n["choose"], n["report"]] for d, n in found["pairs"][stream].items()])


def choices_table(found, stream):
    """Every variant that was tried with the first seed, on the half for choosing."""
    marks, rows = scores(found["runs"]), []
    for family in FAMILIES:
        best = plan.chosen_position(stream, family, marks)
        for position, settings in enumerate(plan.candidates(stream, family, marks) or []):
            run = found["runs"].get(run_of(stream, SEEDS[0], settings).name)
            if run:
                mark = "**" if position == best else ""
                rows.append([family.name, f"{mark}{shown(settings) or 'as all'}{mark}", percent(kept_of(settings, run)),
                             f"{run['choose'][0]:.1f}", f"{run['choose'][-1]:.1f}",
                             f"{figures.mean(run['choose']):.1f}"])
    return table(["method", "settings", "rows kept", "first domain", "last domain", "mean"], rows)


def kept_of(settings, run):
    return run["kept"] if settings.get("method.name") == "modx" else None


def results_table(methods):
    """Frozen, then each method: figures over the seeds."""
    names = ("first", "last", "mean", "forgetting", "backward", "forward")
    any_method = most_seeds(methods)
    still = [figures.summary([run["matrix"][0]] * len(run["matrix"])) for run in any_method]
    rows = [["frozen", len(still)] + [over_seeds([s[name] for s in still]) for name in names[:3]] + [""] * 3]
    for family, runs in methods.items():
        found = [figures.summary(run["matrix"]) for run in runs]
        rows.append([family, len(runs)] + [over_seeds([s[name] for s in found]) if name in found[0] else ""
                                           for name in names])
    return table(["method", "seeds", "first domain", "last domain", "mean of all", "forgetting", "backward transfer",
                  "forward transfer"], rows)


def most_seeds(methods):
    """Runs of a method that has all stages, with as many seeds as there are."""
    return max((runs for runs in methods.values() if len(runs[0]["matrix"]) > 1), key=len)


def matrix_table(methods, domains):
    """The whole matrices; the first stage is the same for all."""
    def cells(runs, stage):
        return [over_seeds([run["matrix"][stage][d] for run in runs]) for d in range(len(domains))]
    rows = [["all", domains[0]] + cells(most_seeds(methods), 0)]
    for family, runs in methods.items():
        for stage in range(-min(len(domains) - 1, len(runs[0]["matrix"])), 0):
            rows.append([family, domains[stage]] + cells(runs, stage))
    return table(["method", "after"] + list(domains), rows)


def drift_table(methods):
    """Of the first domain after the last phase, beside what was lost of it."""
    rows = []
    for family, runs in methods.items():
        if not runs[0]["drift"]:
            continue
        last = [next(point[2:] for point in run["drift"] if point[:2] == [len(run["matrix"]) - 1, 0]) for run in runs]
        lost = [figures.lost(run["matrix"], len(run["matrix"]) - 1, 0) for run in runs]
        rows.append([family] + [over_seeds(column) for column in zip(*last)] + [over_seeds(lost)])
    return table(["method", *figures.MEASURES, "lost"], rows)


def points(methods, wanted):
    """(measures, points lost) for each distinct run, stage and domain that `wanted`(run, stage, domain)."""
    distinct = {id(run): run for runs in methods.values() for run in runs}
    return [(point[2:], figures.lost(run["matrix"], point[0], point[1])) for run in distinct.values()
            for point in run["drift"] if wanted(run, point[0], point[1])]


def correlation_table(by_stream):
    everywhere = {"all": lambda run, stage, domain: True,
                  "first domain, last phase":
                      lambda run, stage, domain: domain == 0 and stage == len(run["matrix"]) - 1}
    columns = []
    for stream, methods in by_stream.items():
        for name, wanted in everywhere.items():
            found = points(methods, wanted)
            if len(found) > 2:
                columns.append((f"{stream}, {name} ({len(found)})", found))
    rows = [[measure] + [signed(figures.spearman([m[i] for m, _ in found], [lost for _, lost in found]))
                         for _, found in columns] for i, measure in enumerate(figures.MEASURES)]
    return table(["measure"] + [name for name, _ in columns], rows)


def signed(value):
    return "" if value is None else f"{value:+.2f}"


def time_table(found):
    rows = []
    for stream in STREAMS:
        seconds = [run["seconds"] for run in found["runs"].values() if run["stream"] == stream]
        if seconds:
            rows.append([stream, len(seconds), f"{sum(seconds) / len(seconds):.0f} s", f"{sum(seconds) / 3600:.1f} h"])
    return table(["stream", "runs", "each", "together, on one core"], rows)


def tables(found):
    """{name: table}"""
    by_stream = chosen(found)
    made = {"common": table(["key", "value"], [[f"`{k}`", v] for k, v in COMMON.items()]),
            "correlation": correlation_table(by_stream), "time": time_table(found)}
    for stream, methods in by_stream.items():
        made[f"pairs {stream}"] = pairs_table(found, stream)
        if methods:
            made[f"choices {stream}"] = choices_table(found, stream)
            made[f"results {stream}"] = results_table(methods)
            made[f"matrices {stream}"] = matrix_table(methods, list(found["pairs"][stream]))
            made[f"drift {stream}"] = drift_table(methods)
    return made


def fill(text, made):
    """The document with the tables between its markers; KeyError for a marker of no table."""
    return re.sub(r"(<!-- table ([^>]+?) -->\n).*?(<!-- end of table -->)",
                  lambda found: found[1] + made[found[2]] + found[3], text, flags=re.DOTALL)


def write(root, runs, pairs):
    found = compact(runs, pairs)
    os.makedirs(os.path.join(root, os.path.dirname(FIGURES)), exist_ok=True)
    with open(os.path.join(root, FIGURES), "w", encoding="utf-8") as file:
        file.write(dump(found))
    path = os.path.join(root, DOCUMENT)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(fill(text, tables(found)))
