"""Processes are killed for real; the job must come to its right end."""
import os
import shutil
import signal
import unittest

from cluster import LONG, Cluster
from stored import State, fields, one


class FaultsTest(unittest.TestCase):
    def submit(self, cluster, workers):
        cluster.create_stream("s", workers=workers, epochs=LONG)
        cluster.keel("submit", "s", cluster.pack("a", 200))

    def finish(self, cluster):
        cluster.await_phase("s", 1, "PUBLISHED")
        cluster.keel("ledger", "s", "--verify")

    def generations(self, cluster):
        """Those whose steps made the phase's checkpoint."""
        return {step["generation"] for step in cluster.json("phase", "steps", "s", "1")["steps"]}

    def resume_blobs(self, cluster):
        """Digests of the files of the first phase's resume points."""
        row = State(cluster.path("coordinator")).table("phases").get("s/0000000000000000001/0000000000000000001", b"")
        return [one(fields(file), 3).decode() for point in fields(row).get(5, []) for file in fields(point)[2]]

    def await_resume_point(self, cluster):
        cluster.wait_for(lambda: self.resume_blobs(cluster), "a resume point")

    def test_coordinator_killed_in_mid_phase_training_goes_on(self):
        with Cluster(workers=2) as cluster:
            self.submit(cluster, workers=2)
            with cluster.fault("s", 1):
                generation = cluster.phase("s", 1)["generation"]
                cluster.coordinator.kill()
                cluster.coordinator.start()
            self.assertEqual(cluster.phase("s", 1)["generation"], generation)
            self.finish(cluster)
            self.assertEqual(cluster.phase("s", 1)["accounting"]["accepted_count"], "200")
            self.assertEqual(self.generations(cluster), {generation})

    def test_worker_killed_in_mid_phase_phase_goes_back_and_ends(self):
        with Cluster(workers=2) as cluster:
            self.submit(cluster, workers=2)
            self.await_resume_point(cluster)
            with cluster.fault("s", 1):
                cluster.workers[1].kill()
            cluster.workers[1].start()
            self.finish(cluster)
            self.assertGreaterEqual(len(self.generations(cluster)), 2)

    def test_worker_stopped_in_mid_phase_its_peer_lives_on(self):
        with Cluster(workers=2) as cluster:
            self.submit(cluster, workers=2)
            self.await_resume_point(cluster)
            stopped, peer = cluster.workers
            with cluster.fault("s", 1):
                generation = cluster.phase("s", 1)["generation"]
                stopped.child.send_signal(signal.SIGSTOP)
            cluster.wait_for(lambda: cluster.idle_workers() == 1, "the peer to be free again")
            self.assertNotEqual(cluster.phase("s", 1).get("generation"), generation)
            self.assertIsNone(peer.child.poll(), cluster.logs())
            stopped.child.send_signal(signal.SIGCONT)

            def published():
                # It may fail to get out in time, also after it has come into the next group.
                if stopped.child.poll() is not None:
                    self.assertEqual(stopped.child.returncode, 3)
                    stopped.start()
                return cluster.phase("s", 1).get("state") == "PUBLISHED"
            cluster.wait_for(published, "the phase to be published", timeout=900)
            self.finish(cluster)
            self.assertIsNone(peer.child.poll(), cluster.logs())
            self.assertGreaterEqual(len(self.generations(cluster)), 2)

    def test_workers_drain_and_exit_with_zero(self):
        with Cluster(workers=1) as cluster:
            self.submit(cluster, workers=1)
            with cluster.fault("s", 1):
                self.assertEqual(cluster.workers[0].stop(120), 0)
            cluster.workers[0].start()
            self.finish(cluster)
            self.assertGreaterEqual(len(self.generations(cluster)), 2)  # a drain leaves a resume point

    def test_phase_whose_resume_points_are_lost_fails_and_a_retry_trains_it(self):
        # As after a restore of a backup that was made while the phase trained.
        with Cluster(workers=1, coordinator_flags=["--recovery-window", "3"]) as cluster:
            self.submit(cluster, workers=1)
            self.await_resume_point(cluster)
            with cluster.fault("s", 1):
                cluster.workers[0].kill()
            cluster.coordinator.kill()
            for digest in self.resume_blobs(cluster):
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

    def test_worker_that_cannot_write_its_cache_rests_and_the_other_trains(self):
        with Cluster(workers=2) as cluster:
            cache = cluster.path("worker-1", "cache")
            shutil.rmtree(cache)
            with open(cache, "wb"):  # root may write to any folder, but not to this
                pass
            cluster.create_stream("s", workers=2, least_workers=1)
            cluster.keel("submit", "s", cluster.pack("a", 200))
            self.finish(cluster)
            with open(cluster.coordinator.log, encoding="utf-8") as file:
                self.assertIn(file.read().count("outcome=UNABLE"), range(1, 5))
            os.remove(cache)
            cluster.keel("submit", "s", cluster.pack("b", 200, first=200))
            cluster.await_phase("s", 2, "PUBLISHED")
            self.assertTrue(os.listdir(cache))

    def test_worker_that_lost_its_folder_comes_back_by_its_id(self):
        with Cluster(workers=1) as cluster:
            worker = cluster.workers[0]
            worker.stop(120)
            worker.arguments += ["--id", "fixed"]
            incarnations = [0]

            def is_back():
                known = [w for w in cluster.json("worker", "list")["workers"] if w["id"] == "fixed"]
                if not known or known[0]["state"] != "IDLE" or int(known[0]["incarnation"]) <= incarnations[-1]:
                    return False
                incarnations.append(int(known[0]["incarnation"]))
                return True
            for end in (lambda: None, lambda: worker.stop(120), worker.kill):
                end()
                shutil.rmtree(cluster.path("worker-0"))
                worker.start()
                cluster.wait_for(is_back, "the worker to come back")


if __name__ == "__main__":
    unittest.main(verbosity=2)
