"""A cluster of one worker with one thread, made anew for each run, and the commands that are given to it."""
import array
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BIN = os.environ.get("KEEL_BIN") or os.path.join(ROOT, "build", "cpu", "bin")
PORT = int(os.environ.get("RESULTS_PORT", "7317"))


def check_output(*command):
    """stdout; RuntimeError with what the command said if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def free_port(lane):
    """A free port of the lane, whose two successors for metrics, 2000 further, are free as well."""
    for port in range(PORT + 100 * lane, PORT + 100 * (lane + 1), 4):
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for taken in (port, port + 2000, port + 2001):
                held.enter_context(socket.socket()).bind(("127.0.0.1", taken))
            return port
    raise RuntimeError(f"no free port from {PORT + 100 * lane} on; RESULTS_PORT names another")


class Cluster:
    """`with Cluster(folder, lane) as cluster`: its state is in a folder of its own below `folder`, removed at the end;
    clusters of other lanes may run beside it."""

    def __init__(self, folder, lane):
        self.folder, self.port = tempfile.mkdtemp(prefix=f"lane-{lane}-", dir=folder), free_port(lane)
        self.log = os.path.join(folder, f"cluster-{lane}.log")

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["setpriv", "--pdeathsig", "TERM", os.path.join(BIN, "keel"), "up", "--workers", "1", "--threads", "1",
                 "--state-dir", self.folder, "--port", str(self.port), "--metrics-port", str(self.port + 2000)],
                stdout=log, stderr=log)
        try:
            self.wait_for_worker()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_for_worker(self):
        for _ in range(600):
            try:
                if any(w["state"] == "IDLE" for w in self.json("worker", "list").get("workers", [])):
                    return
            except RuntimeError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"the cluster did not start; see {self.log}")

    def keel(self, *arguments):
        return check_output(os.path.join(BIN, "keel"), "--coordinator", f"127.0.0.1:{self.port}", *arguments)

    def json(self, *arguments):
        return json.loads(self.keel("--output", "json", *arguments))

    def train(self, configuration, probes, chunks):
        """Trains a stream called "s" to its end, under policy manual all chunks in one phase; its phases as they were
        while they went on."""
        path = os.path.join(self.folder, "stream.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(configuration, file)  # JSON is YAML
        self.keel("stream", "create", "s", "--config", path)
        for shard in probes:
            self.keel("submit", "s", shard, "--probe")
        for shard in chunks:
            self.keel("submit", "s", shard)
        if configuration.get("phase", {}).get("policy") == "manual":
            self.keel("phase", "close", "s")
        lines = self.keel("--output", "json", "phase", "watch", "s", "--timeout", "60m").splitlines()
        states = [phase["state"] for phase in self.json("phase", "list", "s")["phases"]]
        if set(states) != {"PUBLISHED"}:
            raise RuntimeError(f"phases ended {states}; see {self.log}")
        return [json.loads(line) for line in lines]


def pack(images, captions, out):
    """One shard of a list of pairs."""
    folder = out + ".parts"
    check_output(os.path.join(BIN, "keel"), "pack", "--images", images, "--captions", captions, "--out", folder)
    os.replace(os.path.join(folder, "shard-000000.tar"), out)
    shutil.rmtree(folder)


def embed(checkpoint, shard, out):
    """(image embeddings, text embeddings) of a shard's samples, in its order."""
    check_output(os.path.join(BIN, "keel-worker"), "embed", "--checkpoint", checkpoint, "--shard", shard, "--out", out,
                 "--threads", "1", "--device", "cpu")
    tensors = read_tensors(out)
    os.remove(out)
    return tensors["image"], tensors["text"]


def read_tensors(path):
    """{name: rows of floats} of a .safetensors file with matrices of float32."""
    with open(path, "rb") as file:
        data = file.read()
    begin = 8 + struct.unpack_from("<Q", data)[0]
    tensors = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in entry["data_offsets"])
            flat, width = array.array("f", data[first:last]).tolist(), entry["shape"][1]
            tensors[name] = [flat[i:i + width] for i in range(0, len(flat), width)]
    return tensors
