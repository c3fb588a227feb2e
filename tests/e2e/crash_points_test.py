"""The coordinator kills itself at its crash points, one after the other, while real workers train.

Each time it dies by SIGKILL and is started again, armed with the next point. In
the end nothing that was acknowledged is lost, and every phase came to its end.
One commit is not brought about here: forget-uploads, which takes seven days.
"""
import json
import os
import struct
import subprocess
import tarfile
import tempfile
import threading
import time
import unittest
import zlib

from cluster import BIN, Cluster, png

CREATE = ["create-stream:before", "create-stream:after"]
INGEST = ["blob:append", "blob:written", "blob:synced", "blob:stored",
          "accept-chunk:before", "accept-chunk:after", "create-phase:before", "create-phase:after"]
FORMING = ["form-group:before", "form-group:after"] * 2
TRAINING = ["commit-steps:before", "commit-steps:after", "commit-steps:before@2",
            "commit-steps:after@2"]
INITIAL = ["store-initial:before", "store-initial:after"]
RESUME = ["store-resume-point:before", "store-resume-point:after"]
RESULT = ["store-result:before", "store-result:after"]
PUBLISH = ["end-training:before", "end-training:after", "end-task:before", "end-task:after",
           "publish:before", "publish:after"]
NEW = ["new-cluster:before", "new-cluster:after"]
STORE_UPLOAD = ["store-upload:before", "store-upload:after"]
ENDING = ["complete-plan:before", "complete-plan:after", "end-phase:before", "end-phase:after"]
RETRYING = ["retry-phase:before", "retry-phase:after"]
BREAKING = ["repeat-chunk:before", "repeat-chunk:after", "break-group:before", "break-group:after"]
FAILING = ["fail-task:before", "fail-task:after"]
NOT_HERE = ["forget-uploads:before", "forget-uploads:after"]

# What a phase goes through -> the points in it, each state to be hit at least four times.
STATES = {"ingest": INGEST, "forming": FORMING, "training": TRAINING, "upload": INITIAL + RESUME + RESULT,
          "publish": PUBLISH}


class CrashingCluster(Cluster):
    """Starts the coordinator again whenever it died, armed with the next crash point."""

    def __init__(self, workers):
        self.pending, self.hits, self.failure = [], [], None
        self.lock, self.closing, self.closed = threading.Lock(), False, threading.Event()
        super().__init__(workers, coordinator_flags=[
            "--join-window", "0.2", "--recovery-window", "3", "--evict-after", "3"])
        self.supervisor = threading.Thread(target=self.supervise)
        self.supervisor.start()

    def supervise(self):
        try:
            while not self.closed.wait(0.02):
                with self.lock:
                    if not self.closing and self.coordinator.child.poll() is not None:
                        self.restart()
        except BaseException as error:  # pylint: disable=broad-exception-caught
            self.failure = error
            self.closed.wait()  # what this thread started ends with it

    def restart(self):
        names, known = self.reached(), sum(bool(name) for name, _ in self.hits)
        self.hits.append((names[known] if len(names) > known else "", self.coordinator.child.returncode))
        if self.pending:
            self.pending.pop(0)
        self.arm()

    def check_supervisor(self):
        if self.failure:
            raise self.failure

    def arm(self):
        base = [a for a in self.coordinator.arguments if not a.startswith("--debug-crash-at=")]
        armed = [f"--debug-crash-at={self.pending[0]}"] if self.pending else []
        self.coordinator.arguments = base + armed
        self.coordinator.start()

    def reached(self):
        """The crash points that the coordinator died at, in order."""
        with open(self.coordinator.log, encoding="utf-8", errors="replace") as log:
            return [line.split("name=")[1].split()[0].strip('"') for line in log if "crash point reached" in line]

    def crash_at(self, points):
        """From now on the coordinator dies at these points, in this order."""
        with self.lock:
            self.pending = ["killed from outside", *points]
            self.coordinator.child.kill()  # the supervisor arms the first point

    def patiently(self, *arguments, accept=()):
        """Repeats a command until it succeeds or says one of `accept`."""
        end = time.monotonic() + 180
        while True:
            self.check_supervisor()
            code, out, err = self.keel(*arguments, check=False)
            if code == 0 or any(text in err for text in accept):
                return out
            if time.monotonic() > end:
                raise AssertionError(f"keel {' '.join(arguments)}: {err}\n{self.logs()}")
            time.sleep(0.2)

    def wait_for(self, ready, what, timeout=240):
        return super().wait_for(lambda: self.check_supervisor() or ready(), what, timeout)

    def await_state(self, stream, number, state):
        try:
            self.await_phase(stream, number, state, patience=480)
        except AssertionError as error:
            raise AssertionError(f"{self.pending} are not reached") from error

    def close(self):
        with self.lock:
            self.closing = True
        codes = super().close()
        self.closed.set()
        self.supervisor.join()
        self.check_supervisor()
        return codes


def broken_shard(path):
    """Pictures whose headers are right and whose pixels do not decode."""
    whole = png(40, 40, bytes(40 * 40 * 3))
    data = whole.index(b"IDAT")
    body = b"IDAT" + b"no zlib stream"
    broken = (whole[:data - 4] + struct.pack(">I", len(body) - 4) + body
              + struct.pack(">I", zlib.crc32(body)) + whole[-12:])
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(40):
            for name, content in ((f"{i:03d}.png", broken), (f"{i:03d}.txt", b"picture %d" % i)):
                file = os.path.join(os.path.dirname(path), "member")
                with open(file, "wb") as out:
                    out.write(content)
                tar.add(file, arcname=name)
    return path


class CrashPointsTest(unittest.TestCase):
    def assert_all_hit(self, cluster, points):
        hits = [name for name, _ in cluster.hits if name]
        self.assertEqual(cluster.pending, [], f"never reached; reached: {hits}")
        self.assertEqual({code for _, code in cluster.hits}, {-9}, cluster.logs())
        self.assertEqual(hits[-len(points):], [point.split("@")[0] for point in points])
        print(f"{len(hits)} deaths: {', '.join(hits)}")

    def assert_states_hit(self, cluster):
        """Each state of a phase at least four times."""
        names = [name for name, _ in cluster.hits]
        counts = {state: sum(names.count(name) for name in {point.split("@")[0] for point in points})
                  for state, points in STATES.items()}
        print("state: hits", *(f"{state}: {count}" for state, count in counts.items()), sep="\n")
        for state, count in counts.items():
            self.assertGreaterEqual(count, 4, state)

    def assert_proven(self, cluster, stream):
        verdicts = cluster.json("ledger", stream, "--verify")["verdicts"]
        self.assertTrue(verdicts and all(v["ok"] for v in verdicts), verdicts)

    def is_measured(self, cluster):
        code, out, _ = cluster.keel("--output", "json", "worker", "list", check=False)
        return code == 0 and any(worker["state"] == "BUSY" for worker in json.loads(out).get("workers", []))

    def submit(self, cluster, shard, stream="s"):
        cluster.patiently("submit", stream, shard)

    def test_every_crash_point_is_tried_or_named(self):
        done = subprocess.run([os.path.join(BIN, "keel-coordinator"), "--state-dir", "none", "--debug-crash-at", "none"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        names = done.stderr.split("NAME@N of: ")[1].strip().rstrip('"').split(", ")
        tried = (NEW + CREATE + INGEST + FORMING + INITIAL + TRAINING + RESUME + RESULT + PUBLISH
                 + STORE_UPLOAD + ENDING + RETRYING + BREAKING + FAILING)
        self.assertEqual(sorted(names), sorted({point.split("@")[0] for point in tried + NOT_HERE}))

    def test_a_new_cluster_survives_a_crash(self):
        with tempfile.TemporaryDirectory() as folder:
            for point in NEW:
                done = subprocess.run([os.path.join(BIN, "keel-coordinator"), "--state-dir", folder,
                                       "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                                       "--debug-crash-at", point], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, -9, done.stderr)
                self.assertIn(point, done.stderr)
            with Cluster(workers=1, state_dir=folder) as cluster:
                cluster.create_stream("s")
                cluster.keel("submit", "s", cluster.pack("a", 40))
                cluster.await_phase("s", 1, "PUBLISHED")

    def test_a_phase_survives_a_crash_at_every_point_of_its_way(self):
        with CrashingCluster(workers=2) as cluster:
            cluster.write_config("s", workers=2, epochs=400)
            shard, probe = cluster.pack("a", 200), cluster.pack("p", 40, first=500)
            points = CREATE + INGEST + FORMING + INITIAL + TRAINING + RESUME + RESULT + PUBLISH
            cluster.crash_at(points)
            cluster.patiently("stream", "create", "s", "--config", cluster.path("s.yaml"),
                              accept=["STREAM_EXISTS"])
            cluster.patiently("submit", "s", probe, "--probe")
            self.submit(cluster, shard)
            cluster.await_state("s", 1, "PUBLISHED")
            self.assert_all_hit(cluster, points)
            self.assert_states_hit(cluster)
            self.assertEqual(cluster.phase("s", 1)["accounting"]["accepted_count"], "200")
            self.assert_proven(cluster, "s")
            out = cluster.json("submit", "s", shard)
            self.assertTrue(out[0]["duplicate"], out)
            cluster.keel("checkpoint", "pull", "s", "--out", cluster.path("pulled"))

            cluster.crash_at(STORE_UPLOAD)
            cluster.write_config("t", workers=2, epochs=4, initial=cluster.path("pulled"))
            cluster.patiently("stream", "create", "t", "--config", cluster.path("t.yaml"), accept=["STREAM_EXISTS"])
            self.assert_all_hit(cluster, STORE_UPLOAD)
            self.submit(cluster, shard, "t")
            cluster.await_state("t", 1, "PUBLISHED")
            self.assert_proven(cluster, "t")

    def test_failures_retries_and_lost_workers_survive_a_crash_too(self):
        with CrashingCluster(workers=2) as cluster:
            cluster.create_stream("s", workers=1, epochs=30,
                                  method="finetune, replay: {samples: 20, per_batch: 4}")
            shard = cluster.pack("a", 200)
            self.submit(cluster, shard)
            cluster.await_state("s", 1, "PUBLISHED")

            cluster.crash_at(ENDING)
            self.submit(cluster, broken_shard(cluster.path("broken.tar")))
            cluster.await_state("s", 2, "FAILED")
            self.assert_all_hit(cluster, ENDING)
            cluster.crash_at(RETRYING)
            cluster.patiently("phase", "retry", "s", "2", "--attempt", "1")
            cluster.wait_for(lambda: not cluster.pending, "the retry's crashes")
            cluster.wait_for(lambda: cluster.phase("s", 2).get("state") == "FAILED"
                             and cluster.phase("s", 2)["attempt"] == 2, "attempt 2 to fail")
            self.assert_all_hit(cluster, RETRYING)
            cluster.patiently("phase", "skip", "s", "2", accept=["PHASE_STATE"])

            cluster.crash_at(BREAKING)
            cluster.patiently("submit", "s", shard, "--request-id", "again")
            self.submit(cluster, cluster.pack("b", 2000, first=200))
            with cluster.fault("s", 3, steps=3):
                for worker in cluster.workers:
                    worker.kill()
            for worker in cluster.workers:
                worker.start()
            cluster.await_state("s", 3, "PUBLISHED")
            self.assert_all_hit(cluster, BREAKING)

            # Enough to measure that a worker can be killed while it does.
            cluster.patiently("submit", "s", cluster.pack("p", 3000, first=5000), "--probe")
            cluster.crash_at(FAILING)
            self.submit(cluster, cluster.pack("c", 40, first=9000))
            for left in (1, 0):
                cluster.wait_for(lambda: self.is_measured(cluster), "a worker to measure")
                for worker in cluster.workers:
                    worker.kill()
                cluster.wait_for(lambda most=left: len(cluster.pending) <= most, "the crash")
                for worker in cluster.workers:
                    worker.start()
            cluster.await_state("s", 4, "PUBLISHED")
            self.assert_all_hit(cluster, FAILING)
            self.assert_proven(cluster, "s")


if __name__ == "__main__":
    unittest.main(verbosity=2)
