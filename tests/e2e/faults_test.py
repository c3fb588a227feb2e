"""Processes are killed for real; the job must come to its right end."""
import unittest

from cluster import Cluster


class FaultsTest(unittest.TestCase):
    def submit(self, cluster, workers, epochs=60):
        cluster.create_stream("s", workers=workers, epochs=epochs)
        cluster.keel("submit", "s", cluster.pack("a", 200))

    def finish(self, cluster):
        cluster.keel("phase", "watch", "s", "1", "--timeout", "4m")
        self.assertEqual(cluster.phase("s", 1)["state"], "PUBLISHED")
        cluster.keel("ledger", "s", "--verify")

    def test_coordinator_killed_in_mid_phase_training_goes_on(self):
        with Cluster(workers=2) as cluster:
            self.submit(cluster, workers=2, epochs=150)
            cluster.wait_for(lambda: cluster.committed("s", 1) >= 5, "the first steps")
            generation = cluster.phase("s", 1)["generation"]
            cluster.coordinator.kill()
            cluster.coordinator.start()
            cluster.wait_for(lambda: cluster.committed("s", 1) > 0, "the coordinator")
            self.assertEqual(cluster.phase("s", 1)["generation"], generation)
            self.finish(cluster)
            self.assertEqual(cluster.phase("s", 1)["accounting"]["accepted_count"], "200")
            generations = {s["generation"] for s in cluster.json("phase", "steps", "s", "1")["steps"]}
            self.assertEqual(generations, {generation})

    def test_worker_killed_in_mid_phase_phase_goes_back_and_ends(self):
        with Cluster(workers=2) as cluster:
            self.submit(cluster, workers=2)
            cluster.wait_for(lambda: cluster.committed("s", 1) >= 5, "the first steps")
            cluster.workers[1].kill()
            cluster.workers[1].start()
            self.finish(cluster)

    def test_workers_drain_and_exit_with_zero(self):
        with Cluster(workers=1) as cluster:
            self.submit(cluster, workers=1)
            cluster.wait_for(lambda: cluster.committed("s", 1) >= 5, "the first steps")
            self.assertEqual(cluster.workers[0].stop(), 0)
            cluster.workers[0].start()
            self.finish(cluster)


if __name__ == "__main__":
    unittest.main(verbosity=2)
