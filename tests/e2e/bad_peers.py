"""Workers and other peers that do not keep to the protocol; a part of bad_input_test.py."""
import os
import socket

import bad_files
from cluster import BIN, Process
from limits_document import Seen


def end_of(peer, garbage):
    """Returns once the other side has closed the connection; a time-out raises."""
    try:
        peer.sendall(garbage)
        while peer.recv(4096):
            pass
    except (ConnectionResetError, BrokenPipeError):
        pass


class BadPeers:
    """For a test with `cluster` and `api`."""

    def check_peers(self):
        seen = Seen(self, "Workers and peers")
        self.check_garbage(seen)
        self.check_hellos(seen)
        self.check_worker_folders(seen)
        seen.finish()

    def check_garbage(self, seen):
        for garbage in (b"GET / HTTP/1.1\r\nHost: keel\r\n\r\n", bytes(range(256)) * 256,
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100_000):
            with socket.create_connection(("127.0.0.1", self.cluster.port), timeout=30) as peer:
                end_of(peer, garbage)
                seen.check("garbage", "", "", "the connection is closed")

    def check_hellos(self, seen):
        api = self.api

        def attach(**fields):
            message = api.message("keel.v1.WorkerMessage", **fields)
            return api.refusal(lambda: api.call("keel.v1.WorkerService", "Attach", iter([message])))
        seen.check("hello-missing", *attach(heartbeat={}))
        seen.check("hello-incarnation", *attach(hello={"worker": {"id": "zero"}}), worker="zero")
        header = api.message("keel.v1.UploadArtifactRequest", header={
            "cluster_id": self.cluster_of("worker-0"), "stream": "healthy", "phase": 1, "attempt": 1,
            "generation": 99, "kind": 1})
        seen.check("generation-stale", *api.refusal(
            lambda: api.call("keel.v1.WorkerService", "UploadArtifact", iter([header]))), stream="healthy")

    def read(self, *parts):
        with open(self.cluster.path(*parts), encoding="utf-8") as file:
            return file.read().strip()

    def cluster_of(self, folder):
        return self.read(folder, "cluster")

    def write_worker(self, folder, **files):
        for name, text in files.items():
            bad_files.write_file(self.cluster.path(folder, name), text.encode())

    def run_worker(self, folder):
        """Starts a real worker that is refused; returns its log."""
        log = self.cluster.path(folder + ".refused")
        worker = Process([os.path.join(BIN, "keel-worker"), "--coordinator",
                          f"127.0.0.1:{self.cluster.port}", "--state-dir", self.cluster.path(folder),
                          "--threads", "1", "--device", "cpu", "--metrics-listen", "127.0.0.1:0"], log)
        self.assertEqual(worker.child.wait(timeout=60), 1)
        return self.read(folder + ".refused") + "\n"

    def check_worker_folders(self, seen):
        ours = self.cluster_of("worker-0")
        self.write_worker("stranger", id="stranger", cluster="another")
        seen.check_log("cluster-wrong", self.run_worker("stranger"), worker="stranger", theirs="another",
                       ours=ours)
        worker = self.read("worker-0", "id")
        first = int(self.read("worker-0", "incarnation"))
        self.restart_worker(incarnation=first + 1)
        self.write_worker("copy", id=worker, cluster=ours, incarnation=str(first - 1))  # the first once more
        seen.check_log("incarnation-stale", self.run_worker("copy"), worker=worker, old=first, newest=first + 1)
        seen.check_log("worker-folder", self.run_worker("worker-0"),
                       lock=self.cluster.path("worker-0", "lock"), pid=self.cluster.workers[0].child.pid)

    def restart_worker(self, incarnation):
        worker = self.cluster.workers[0]
        worker.kill()
        worker.start()
        self.cluster.wait_for(lambda: any(
            int(w["incarnation"]) == incarnation and w["state"] != "LOST"
            for w in self.cluster.json("worker", "list")["workers"]), "the worker's second incarnation")
