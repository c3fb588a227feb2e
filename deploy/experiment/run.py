#!/usr/bin/env python3
"""The experiment of docs/results.md; `make results`.

Runs go on side by side, one on each core. A finished one is kept as build/results/runs/NAME.json and not run again, so
that the command may be stopped and started anew. At the end docs/results/figures.json and the tables of
docs/results.md are written.

    run.py            everything
    run.py --write    only the document, of the runs that are there

    RESULTS_DIR   where everything goes (default build/results)
    RESULTS_PORT  first of the ports (default 7317)
    LANES         runs at the same time (default: cores)
"""
import concurrent.futures
import glob
import json
import os
import shutil
import sys
import threading
import time

import data
import document
import measure
import plan
from cluster import ROOT, pack
from settings import SEEDS, STREAMS


class Store:
    """Finished runs, one file each; thread-safe."""

    def __init__(self, folder):
        self.folder, self.lock = folder, threading.Lock()
        os.makedirs(folder, exist_ok=True)
        self.runs = {}
        for name in os.listdir(folder):
            if name.endswith(".json"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    self.runs[name.removesuffix(".json")] = json.load(file)

    def keep(self, run, result):
        path = os.path.join(self.folder, run.name + ".json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(result, file)
        os.replace(path + ".new", path)
        with self.lock:
            self.runs[run.name] = result

    def scores(self):
        with self.lock:
            return document.scores(document.compact(self.runs, {})["runs"])


def say(text):
    print(time.strftime("%H:%M:%S"), text, flush=True)


def prepare(lab, stream):
    """Writes and packs the stream's lists, once."""
    folder = lab.path("data", stream)
    if os.path.exists(os.path.join(folder, "counts.json")):
        return
    say(f"preparing the stream {stream}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    counts = data.write_stream(stream, folder)
    with open(os.path.join(folder, "all-report.tsv"), "w", encoding="utf-8") as out:
        for domain in counts:
            with open(os.path.join(folder, f"{domain}-report.tsv"), encoding="utf-8") as file:
                out.write(file.read())
    for name in [f"{d}-{part}" for d in counts for part in counts[d]] + ["all-report"]:
        pack(os.path.join(folder, "images"), os.path.join(folder, name + ".tsv"), lab.shard(stream, name))
    with open(os.path.join(folder, "counts.json"), "w", encoding="utf-8") as file:
        json.dump(counts, file)


class Schedule:
    """Hands the lanes one run after the other."""

    def __init__(self, lab, store, lanes):
        self.lab, self.store = lab, store
        self.lanes, self.busy, self.lane_seconds = list(range(lanes)), {}, []
        self.width = lanes

    def go(self):
        firsts = [(s, n) for n in SEEDS for s in STREAMS if not os.path.exists(self.lab.first(s, n))]
        with concurrent.futures.ThreadPoolExecutor(self.width) as pool:
            self.each(pool, lambda: firsts.pop(0) if firsts else None, self.train_first)
            self.each(pool, self.next_run, self.perform)

    def each(self, pool, take, act):
        """Runs act(item, lane) for the items that `take` gives, until it gives none and all are done."""
        while True:
            while self.lanes and (item := take()) is not None:
                lane = self.lanes.pop(0)
                self.busy[pool.submit(act, item, lane)] = (item, lane)
            if not self.busy:
                return
            for future in concurrent.futures.wait(self.busy, return_when="FIRST_COMPLETED").done:
                self.lanes.append(self.busy.pop(future)[1])
                future.result()

    def next_run(self):
        going = [item.name for item, _ in self.busy.values()]
        return next((run for run in plan.due(self.store.scores()) if run.name not in going), None)

    def train_first(self, item, lane):
        say(f"first checkpoint of {item[0]}, seed {item[1]}")
        measure.train_first(self.lab, *item, lane)

    def perform(self, run, lane):
        begin = time.monotonic()
        result = measure.perform(self.lab, run, lane)
        result.update(stream=run.stream, seed=run.seed, settings=dict(run.settings),
                      seconds=round(time.monotonic() - begin))
        self.store.keep(run, result)
        self.lane_seconds.append(result["seconds"])
        self.tell(run, result)

    def tell(self, run, result):
        done, total = len(self.store.runs), max(plan.total(), len(self.store.runs))
        left = (total - done) * sum(self.lane_seconds) / len(self.lane_seconds) / self.width / 60
        say(f"run {done} of {total}: {run.name}, {result['seconds']} s, about {left:.0f} min left")


def main():
    os.chdir(ROOT)
    lab = measure.Lab(os.path.abspath(os.environ.get("RESULTS_DIR") or os.path.join("build", "results")))
    os.makedirs(lab.path("first"), exist_ok=True)
    store = Store(lab.path("runs"))
    if sys.argv[1:] != ["--write"]:
        for left in glob.glob(lab.path("lane-*")):  # by a command that was killed
            shutil.rmtree(left)
        for stream in STREAMS:
            prepare(lab, stream)
        Schedule(lab, store, int(os.environ.get("LANES") or os.cpu_count())).go()
    document.write(ROOT, store.runs, {s: json.load(open(lab.path("data", s, "counts.json"), encoding="utf-8"))
                                      for s in STREAMS})


if __name__ == "__main__":
    main()
