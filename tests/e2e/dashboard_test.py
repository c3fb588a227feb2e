"""The dashboard and the scrape configuration, against a real Prometheus that watched a real run."""
import os
import re
import subprocess
import unittest

from cluster import Cluster
from dashboard import Dashboard, substituted
from prometheus import CONFIG, ROOT, Prometheus, complaints, is_data, targets

DEMO = os.path.join(ROOT, "deploy", "demo", "run.sh")
RULES_TEST = os.path.join(ROOT, "deploy", "prometheus", "rules_test.yml")


def names_in(text):
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bkeel_\w+", text)}


def documented_names():
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as file:
        return set(re.findall(r"^\| `(keel_\w+)`", file.read(), re.MULTILINE))


class DashboardFileTest(unittest.TestCase):
    def setUp(self):
        self.dashboard = Dashboard()

    def test_every_documented_metric_is_shown_and_no_other(self):
        shown = names_in(" ".join(target["expr"] for panel in self.dashboard.panels()
                                  for target in panel["targets"]))
        self.assertEqual(shown, documented_names())

    def test_panels_say_what_they_show_and_share_no_place(self):
        taken, ids = set(), set()
        for panel in self.dashboard.json["panels"]:
            self.assertNotIn(panel["id"], ids)
            ids.add(panel["id"])
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(taken & cells, panel["title"])
            taken |= cells
        for panel in self.dashboard.panels():
            self.assertTrue(panel["description"].endswith("."), panel["title"])
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])
            references = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(references), len(set(references)), panel["title"])

    def test_every_query_goes_to_the_chosen_data_source(self):
        for panel in self.dashboard.panels():
            for target in panel["targets"]:
                self.assertEqual(target["datasource"], {"type": "prometheus", "uid": "${datasource}"})

    def test_scraped_targets_are_those_of_the_demo(self):
        with open(DEMO, encoding="utf-8") as file:
            demo = file.read()
        port = int(re.search(r"^port=\$\{DEMO_PORT:-(\d+)\}", demo, re.MULTILINE)[1])
        first = port + int(re.search(r"--metrics-port \$\(\(port \+ (\d+)\)\)", demo)[1])
        workers = int(re.search(r"up --workers (\d+)", demo)[1])
        with open(CONFIG, encoding="utf-8") as file:
            self.assertEqual(targets(file.read()),
                             [f"127.0.0.1:{first + i}" for i in range(workers + 1)])

    def test_alerts_fire_when_they_should(self):
        done = subprocess.run(["promtool", "test", "rules", RULES_TEST], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class DashboardTest(unittest.TestCase):
    def test_every_query_has_data_after_a_run_with_a_lost_worker(self):
        with Cluster(workers=2) as cluster, Prometheus(cluster) as prometheus:
            self.run_two_phases(cluster)
            newest = 'count_over_time(keel_recall_ratio{job="keel-coordinator", phase="2"}[1h]) > 2'
            cluster.wait_for(lambda: prometheus.query(newest) and not prometheus.unhealthy_targets(),
                             "three scrapes of the last phase")
            self.check_scrapes(cluster, prometheus)
            self.check_queries(prometheus)
            self.check_tables(prometheus)

    def run_two_phases(self, cluster):
        # No resume point comes before the kill: the group has steps to run again.
        cluster.create_stream("news", method="modx", workers=2, epochs=40, resume_every="1h")
        cluster.keel("phase", "show", "no-such-stream", "1", check=False)
        cluster.keel("submit", "news", cluster.pack("probe", 30, first=5000), "--probe")
        cluster.keel("submit", "news", cluster.pack("a", 120))
        shard = cluster.pack("b", 600, first=1000)
        cluster.keel("phase", "watch", "news", "1")
        cluster.keel("submit", "news", shard)
        with cluster.fault("news", 2):
            cluster.workers[1].kill()
        cluster.workers[1].start()
        cluster.await_phase("news", 2, "PUBLISHED")

    def check_scrapes(self, cluster, prometheus):
        scraped = prometheus.get("targets")["activeTargets"]
        self.assertEqual(sorted(target["labels"]["job"] for target in scraped),
                         ["keel-coordinator", "keel-worker", "keel-worker"])
        for port in [cluster.metrics_port, *cluster.worker_metrics]:
            self.assertEqual(complaints(cluster.scrape(port)), "")
        for group in prometheus.get("rules")["groups"]:
            for rule in group["rules"]:
                self.assertEqual(rule["health"], "ok", rule)

    def check_queries(self, prometheus):
        dashboard = Dashboard()
        values = dashboard.values(prometheus)
        queries = [(panel["title"], target["expr"], target.get("instant", False))
                   for panel in dashboard.panels() for target in panel["targets"]]
        queries += [(note["name"], note["expr"], False)
                    for note in dashboard.json["annotations"]["list"]]
        self.assertGreater(len(queries), 50)
        for title, expression, instant in queries:
            ask = prometheus.query if instant else prometheus.query_range
            with self.subTest(title, query=expression):
                self.assertTrue(is_data(ask(substituted(expression, values))), "no data")

    def check_tables(self, prometheus):
        """The tables keep earlier phases, whose series are gone; phase 1 has no parent to drift from."""
        dashboard = Dashboard()
        values = dashboard.values(prometheus)
        for panel in dashboard.panels():
            if panel["type"] != "table":
                continue
            for target in panel["targets"]:
                phases = {"2"} if "keel_sd_" in target["expr"] else {"1", "2"}
                found = prometheus.query(substituted(target["expr"], values))
                with self.subTest(panel["title"], query=target["expr"]):
                    self.assertEqual({series["metric"]["phase"] for series in found}, phases)


if __name__ == "__main__":
    unittest.main(verbosity=2)
