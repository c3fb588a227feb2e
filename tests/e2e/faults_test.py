"""Processes are killed for real; the job must come to its right end."""
import os
import shutil
import signal
import unittest

from cluster import Cluster
from stored import State, fields, one


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

    def test_worker_stopped_in_mid_phase_its_peer_lives_on(self):
        with Cluster(workers=2) as cluster:
            self.submit(cluster, workers=2)
            cluster.wait_for(lambda: cluster.committed("s", 1) >= 5, "the first steps")
            generation = cluster.phase("s", 1)["generation"]
            stopped, peer = cluster.workers
            stopped.child.send_signal(signal.SIGSTOP)
            cluster.wait_for(lambda: cluster.idle_workers() == 1, "the peer to be free again")
            self.assertNotEqual(cluster.phase("s", 1).get("generation"), generation)
            self.assertIsNone(peer.child.poll(), cluster.logs())
            stopped.child.send_signal(signal.SIGCONT)

            def published():
                if stopped.child.poll() is not None:  # it could not get out in time
                    self.assertEqual(stopped.child.returncode, 3)
                    stopped.start()
                return cluster.phase("s", 1)["state"] == "PUBLISHED"
            cluster.wait_for(published, "the phase to be published")
            self.finish(cluster)
            self.assertIsNone(peer.child.poll(), cluster.logs())

    def test_workers_drain_and_exit_with_zero(self):
        with Cluster(workers=1) as cluster:
            self.submit(cluster, workers=1)
            cluster.wait_for(lambda: cluster.committed("s", 1) >= 5, "the first steps")
            self.assertEqual(cluster.workers[0].stop(), 0)
            cluster.workers[0].start()
            self.finish(cluster)

    def resume_blobs(self, state):
        """Digests of the files of the first phase's resume points."""
        record = fields(state.table("phases").get("s/0000000000000000001/0000000000000000001", b""))
        return [one(fields(file), 3).decode() for point in record.get(5, []) for file in fields(point)[2]]

    def test_phase_whose_resume_points_are_lost_fails_and_a_retry_trains_it(self):
        # As after a restore of a backup that was made while the phase trained.
        with Cluster(workers=1, coordinator_flags=["--recovery-window", "3"]) as cluster:
            self.submit(cluster, workers=1, epochs=80)
            state = State(cluster.path("coordinator"))
            cluster.wait_for(lambda: self.resume_blobs(state), "a resume point")
            cluster.workers[0].kill()
            cluster.coordinator.kill()
            for digest in self.resume_blobs(state):
                blob = cluster.path("coordinator", "blobs", "blobs", digest[:2], digest)
                if os.path.exists(blob):  # two resume points share a file
                    os.remove(blob)
            shutil.rmtree(cluster.path("worker-0", "cache"))
            cluster.coordinator.start()
            cluster.workers[0].start()
            cluster.wait_for(lambda: cluster.phase("s", 1).get("state") == "FAILED", "the phase to fail")
            self.assertEqual(cluster.phase("s", 1)["reason"], "its group broke 10 times without a committed step")
            cluster.keel("phase", "retry", "s", "1")
            self.finish(cluster)


if __name__ == "__main__":
    unittest.main(verbosity=2)
