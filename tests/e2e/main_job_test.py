"""The main job, end to end, with real processes: what a user relies on."""
import glob
import hashlib
import json
import os
import unittest

from cluster import Cluster


class MainJobTest(unittest.TestCase):
    def test_two_phases_from_chunks_to_checkpoint(self):
        with Cluster(workers=2) as cluster:
            cluster.create_stream("news", method="modx", workers=2)
            cluster.keel("submit", "news", cluster.pack("probe", 30, first=5000), "--probe")
            cluster.keel("submit", "news", cluster.pack("a", 120))
            cluster.keel("submit", "news", cluster.pack("b", 110, first=1000))
            cluster.keel("phase", "watch", "news")
            states = [p["state"] for p in cluster.json("phase", "list", "news")["phases"]]
            self.assertEqual(states, ["PUBLISHED", "PUBLISHED"])
            self.check_checkpoint(cluster)
            self.check_results(cluster)
            self.check_metrics(cluster)
            cluster.keel("ledger", "news", "--verify")
            self.assertEqual(cluster.close(), [0, 0, 0])

    def check_checkpoint(self, cluster):
        out = cluster.path("pulled")
        cluster.keel("checkpoint", "pull", "news@2", "--out", out)
        with open(os.path.join(out, "keel_manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual((manifest["stream"], manifest["phase"], manifest["parent"]), ("news", 2, 1))
        self.assertIn({"key": "train.epochs", "value": "4", "profile_default": "35"}, manifest["deviations"])
        self.assertNotIn("method.alpha", {deviation["key"] for deviation in manifest["deviations"]})
        for entry in manifest["files"]:
            with open(os.path.join(out, entry["name"]), "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(), entry["sha256"])
        self.assertTrue(glob.glob(os.path.join(out, "open_clip_model.safetensors")))

    def check_results(self, cluster):
        measured = cluster.json("recall", "news")["measurements"]
        self.assertEqual({m["checkpoint"] for m in measured if m["sample_count"] == 30}, {0, 1, 2})
        drifts = cluster.json("drift", "news")["drifts"]
        self.assertIn(2, {d["phase"] for d in drifts})
        for drift in drifts:
            for measure in ("rotation_image", "rotation_text"):
                self.assertEqual(sum(map(int, drift[measure]["counts"])), int(drift["sample_count"]))

    def check_metrics(self, cluster):
        text = cluster.scrape(cluster.metrics_port)
        for name in ("keel_chunks_total", "keel_samples_total", "keel_phase_state", "keel_workers",
                     "keel_recall_ratio", "keel_group_generation", "keel_rpc_duration_seconds"):
            self.assertIn(name, text)
        for modality in ("image", "text"):
            self.assertRegex(text, 'keel_sd_rotation_degrees_count{[^}]*modality="%s"' % modality)
        for port in cluster.worker_metrics:
            text = cluster.scrape(port)
            for name in ("keel_samples_trained_total", "keel_step_duration_seconds", "keel_loss",
                         "keel_logit_scale", "keel_teacher_agreement_ratio", "keel_learning_rate",
                         "keel_allreduce_bytes_total", "keel_data_wait_seconds_total", "keel_build_info"):
                self.assertIn(name, text)

    def test_same_loss_per_step_with_one_and_two_workers(self):
        with Cluster(workers=2) as cluster:
            shards = [cluster.pack(name, 130, first=first) for name, first in (("a", 0), ("b", 500))]
            cluster.create_stream("parent", epochs=2)
            cluster.keel("submit", "parent", shards[0])
            cluster.keel("phase", "watch", "parent")
            parent = cluster.path("parent")
            cluster.keel("checkpoint", "pull", "parent@1", "--out", parent)
            losses = {}
            for workers in (1, 2):
                stream = f"with-{workers}"
                cluster.create_stream(stream, method="modx", initial=parent, workers=workers,
                                      epochs=14, global_batch=30)
                cluster.keel("submit", stream, shards[1])
                cluster.keel("phase", "watch", stream)
                losses[workers] = [step["loss_total"]
                                   for step in cluster.json("phase", "steps", stream, "1")["steps"]]
        self.compare(losses[1], losses[2])

    def compare(self, one, two):
        self.assertEqual(len(one), len(two))
        self.assertGreater(len(one), 50)
        self.assertLess(one[-1], one[0])
        for step, (a, b) in enumerate(zip(one, two)):
            bound = 1e-5 if step < 50 else 1e-4
            self.assertLess(abs(a - b), bound * abs(a), f"step {step}: {a} and {b}")

    def test_a_probe_set_of_one_picture_has_recall_and_no_drift(self):
        with Cluster(workers=1) as cluster:
            cluster.create_stream("s", epochs=1)
            cluster.keel("submit", "s", cluster.pack("lonely", 1, first=5000), "--probe")
            cluster.keel("submit", "s", cluster.pack("a", 100))
            cluster.keel("submit", "s", cluster.pack("b", 100, first=1000))
            cluster.keel("phase", "watch", "s")
            self.assertEqual(cluster.phase("s", 2)["state"], "PUBLISHED")
            measured = cluster.json("recall", "s")["measurements"]
            lonely = {m["probe"] for m in measured if m["sample_count"] == 1}
            self.assertEqual(len(lonely), 1)
            self.assertEqual({m["checkpoint"] for m in measured if m["probe"] in lonely}, {0, 1, 2})
            drifts = cluster.json("drift", "s")["drifts"]
            self.assertTrue(drifts)
            self.assertFalse(lonely & {d["probe"] for d in drifts})

    def test_ledger_fails_when_the_loader_is_off_by_one(self):
        with Cluster(workers=1, worker_binary="keel-worker-off-by-one") as cluster:
            cluster.create_stream("s", epochs=2, method="finetune, replay: {samples: 20, per_batch: 8}")
            cluster.keel("submit", "s", cluster.pack("a", 100))
            cluster.keel("submit", "s", cluster.pack("b", 100, first=1000))
            cluster.await_phase("s", 2, "PUBLISHED")
            code, out, _ = cluster.keel("--output", "json", "ledger", "s", "--verify", check=False)
            self.assertEqual(code, 1)
            verdicts = json.loads(out)["verdicts"]
            self.assertEqual(len(verdicts), 2)
            for verdict in verdicts:
                self.assertEqual(verdict["wrong_step_count"], verdict["step_count"])

    def test_joint_trains_all_samples_from_the_start(self):
        with Cluster(workers=1) as cluster:
            cluster.create_stream("s", epochs=2, method="joint")
            cluster.keel("submit", "s", cluster.pack("a", 100))
            cluster.keel("submit", "s", cluster.pack("b", 60, first=1000))
            cluster.await_phase("s", 2, "PUBLISHED")
            first, second = cluster.phase("s", 1), cluster.phase("s", 2)
            self.assertEqual((first["parent"], second.get("parent", 0)), (-1, 0))
            planned = [int(phase["accounting"]["planned_count"]) for phase in (first, second)]
            self.assertEqual(int(second["sample_count"]), sum(planned))
            self.assertEqual(int(second["accounting"]["earlier_count"]), planned[0])
            verdicts = cluster.json("ledger", "s", "--verify")["verdicts"]
            self.assertEqual([int(v["trained_count"]) for v in verdicts], [2 * planned[0], 2 * sum(planned)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
