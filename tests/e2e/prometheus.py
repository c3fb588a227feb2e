"""A real Prometheus that watches a Cluster with the repository's configuration."""
import json
import math
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from cluster import Process, free_ports

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CONFIG = os.path.join(ROOT, "deploy", "prometheus", "prometheus.yml")
RULES = os.path.join(ROOT, "deploy", "prometheus", "rules.yml")


def targets(text):
    """The addresses that prometheus.yml names, in order."""
    return re.findall(r'"(127\.0\.0\.1:\d+)"', text)


def configuration(text, metrics_ports):
    """prometheus.yml for these ports, coordinator's first, and a scrape each second."""
    named = targets(text)
    if len(named) != len(metrics_ports):
        raise AssertionError(f"{CONFIG} names the targets {named}, the cluster has {metrics_ports}")
    address = dict(zip(named, (f"127.0.0.1:{port}" for port in metrics_ports)))
    text = re.sub(r'"(127\.0\.0\.1:\d+)"', lambda match: f'"{address[match[1]]}"', text)
    return re.sub(r"(scrape|evaluation)_interval: \d+s", r"\1_interval: 1s", text)


def complaints(metrics_text):
    """What promtool says of a scrape; empty if it is fine."""
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics_text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}"


def is_data(result):
    """True if a query's result has a finite value."""
    return any(math.isfinite(float(value)) for series in result
               for _, value in series.get("values") or [series["value"]])


class Prometheus:
    def __init__(self, cluster):
        self.cluster, self.begin = cluster, time.time()
        folder = cluster.path("prometheus")
        os.makedirs(folder)
        shutil.copy(RULES, folder)
        config = os.path.join(folder, "prometheus.yml")
        with open(CONFIG, encoding="utf-8") as source, open(config, "w", encoding="utf-8") as out:
            out.write(configuration(source.read(), [cluster.metrics_port, *cluster.worker_metrics]))
        self.port = free_ports()
        self.process = Process(
            ["prometheus", "--config.file", config, "--storage.tsdb.path", os.path.join(folder, "data"),
             "--web.listen-address", f"127.0.0.1:{self.port}"], cluster.path("prometheus.log"))
        cluster.wait_for(self.ready, "Prometheus")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=10) as reply:
                return reply.status == 200
        except OSError:
            return False

    def get(self, path, **parameters):
        """`data` of an answer of the HTTP API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from error

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def query_range(self, expression):
        """Over all that was scraped, with a point a second."""
        return self.get("query_range", query=expression, start=self.begin, end=time.time(),
                        step="1")["result"]

    def label_values(self, metric, label):
        return self.get(f"label/{label}/values", **{"match[]": metric})

    def unhealthy_targets(self):
        return [f"{target['scrapeUrl']}: {target['lastError'] or target['health']}"
                for target in self.get("targets")["activeTargets"] if target["health"] != "up"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()
