"""Starts real processes and talks to them with the real command line.

Only the standard library is used. A Cluster is one coordinator and some
workers on loopback, with all state in one temporary folder.
"""
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request
import zlib

BIN = os.environ.get("KEEL_BIN") or os.path.join(
    os.path.dirname(__file__), "..", "..", "build", "cpu", "bin")

MODEL = {  # small enough for a step in milliseconds; the vocabulary is CLIP's
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 64, "layers": 2, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}


# Epochs that outlast whatever a test does to a phase of some hundred samples while it trains.
LONG = 150

# A command's first words: it ends when the thread that started it does, however that ends.
TIED = ["setpriv", "--pdeathsig", "KILL"]


def free_ports(count=1):
    """The first of `count` neighbouring free ports; none that the kernel gives to whoever asks for any port, so that
    they stay free while a server that is to come back on them is down."""
    begin, end = 20000, 32000
    first = random.randrange(begin, end)
    for _ in range(begin, end):
        first = first + 1 if first + count < end else begin
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                return first
            except OSError:
                continue
    raise AssertionError("no free ports")


def png(width, height, pixels):
    """Bytes of an 8-bit RGB PNG."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + pixels[y * width * 3:(y + 1) * width * 3] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def write_pictures(folder, count, first=0):
    """Pictures of two coloured halves, and a TSV that names the colours."""
    names = ["red", "green", "blue", "black", "white", "yellow", "cyan", "pink", "grey", "brown"]
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255), (255, 255, 0),
               (0, 255, 255), (255, 128, 192), (128, 128, 128), (128, 64, 0)]
    os.makedirs(folder, exist_ok=True)
    rows = []
    for i in range(first, first + count):
        left, right = i % 10, (i // 10) % 10
        row = bytes(colours[left]) * 20 + bytes(colours[right]) * 20
        noise = bytes([i % 256, (i // 256) % 256, 7])  # every picture has other bytes
        with open(os.path.join(folder, f"{i:05d}.png"), "wb") as file:
            file.write(png(40, 40, row * 39 + noise + row[3:]))
        rows.append(f"{i:05d}.png\t{names[left]} beside {names[right]} number {i}\n")
    tsv = os.path.join(folder, "captions.tsv")
    with open(tsv, "w", encoding="utf-8") as file:
        file.writelines(rows)
    return tsv


class Process:
    """A child process with its output in a file."""

    def __init__(self, arguments, log, wrapper=()):
        self.arguments, self.log, self.wrapper = arguments, log, wrapper
        self.start()

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([*self.wrapper, *TIED, *self.arguments], stdout=out, stderr=out)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self, timeout=30):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.child.returncode


class Cluster:
    def __init__(self, workers=1, worker_binary="keel-worker", coordinator_flags=(), state_dir=None,
                 coordinator_wrapper=()):
        self.folder = tempfile.mkdtemp(prefix="keel-e2e-")
        self.port = free_ports(2)
        self.metrics_port = self.port + 1
        self.workers, self.worker_metrics = [], []
        self.coordinator = Process(
            [os.path.join(BIN, "keel-coordinator"), "--listen", f"127.0.0.1:{self.port}",
             "--state-dir", state_dir or self.path("coordinator"),
             "--metrics-listen", f"127.0.0.1:{self.metrics_port}", *coordinator_flags],
            self.path("coordinator.log"), coordinator_wrapper)
        try:
            for _ in range(workers):
                self.add_worker(worker_binary)
            self.wait_for(lambda: self.idle_workers() == workers, "workers to attach")
        except BaseException:
            Cluster.close(self)
            raise

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def add_worker(self, binary="keel-worker"):
        number, port = len(self.workers), free_ports()
        self.worker_metrics.append(port)
        self.workers.append(Process(
            [os.path.join(BIN, binary), "--coordinator", f"127.0.0.1:{self.port}",
             "--state-dir", self.path(f"worker-{number}"), "--threads", "1", "--device", "cpu",
             "--metrics-listen", f"127.0.0.1:{port}"], self.path(f"worker-{number}.log")))

    def keel(self, *arguments, check=True, timeout=300):
        """Runs a command; returns (exit code, stdout, stderr)."""
        done = subprocess.run(
            [os.path.join(BIN, "keel"), "--coordinator", f"127.0.0.1:{self.port}", *arguments],
            capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"keel {' '.join(arguments)}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}{self.logs()}")
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments):
        return json.loads(self.keel("--output", "json", *arguments)[1])

    def idle_workers(self):
        """How many there are; -1 without a coordinator."""
        code, out, _ = self.keel("--output", "json", "worker", "list", check=False)
        return -1 if code else sum(w["state"] == "IDLE" for w in json.loads(out).get("workers", []))

    def phase(self, stream, number):
        code, out, _ = self.keel("--output", "json", "phase", "show", stream, str(number), check=False)
        return json.loads(out) if code == 0 else {}

    def committed(self, stream, number):
        return int(self.phase(stream, number).get("committed_step_count", 0))

    @contextlib.contextmanager
    def fault(self, stream, number, steps=5):
        """Its block, a fault, comes once that many steps are committed; raises if training was over by the time that
        it was done."""
        self.wait_for(lambda: self.committed(stream, number) >= steps, f"{steps} steps of {stream}@{number}")
        yield
        self.assert_training(stream, number)

    def assert_training(self, stream, number):
        phase = self.wait_for(lambda: self.phase(stream, number), "the coordinator")
        done, steps = int(phase.get("committed_step_count", 0)), int(phase["step_count"])
        if phase["state"] != "TRAINING" or done == steps:
            raise AssertionError(f"{stream}@{number} is {phase['state']} with {done} of {steps} steps: its training "
                                 "was too short for what the test does meanwhile")

    def await_phase(self, stream, number, *states, patience=240):
        """Waits until it is in one of `states`, for as long as it changes: a busy machine trains slowly."""
        last = {}
        while last.get("state") not in states:
            last = self.wait_for(lambda: (found := self.phase(stream, number)) != last and found,
                                 f"{stream}@{number} to be {states}; it stays {last}", patience)

    def wait_for(self, ready, what, timeout=240):
        """Returns what `ready` does, once it is true."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"waited {timeout} s for {what}\n{self.logs()}")

    def pack(self, name, count, first=0):
        """Makes a shard of `count` pictures and returns its path."""
        images = self.path("images-" + name)
        tsv = write_pictures(images, count, first)
        out = self.path("shards-" + name)
        self.keel("pack", "--images", images, "--captions", tsv, "--out", out)
        return os.path.join(out, "shard-000000.tar")

    def create_stream(self, name, **settings):
        config = self.write_config(name, **settings)
        self.keel("stream", "create", name, "--config", config)

    def write_config(self, name, method="finetune", initial=None, resume_every="1s", **train):
        """Writes NAME.yaml with a small model, and returns its path."""
        with open(self.path("model.json"), "w", encoding="utf-8") as file:
            json.dump(MODEL, file)
        settings = {"epochs": 4, "global_batch": 32, "lr": 1e-3, "seed": 3, **train}
        workers = settings.pop("workers", 1)
        least = settings.pop("least_workers", workers)
        lines = [
            f"model: {{open_clip_config: {self.path('model.json')}}}",
            f"method: {{name: {method}}}",
            f"group: {{min_workers: {least}, max_workers: {workers}}}",
            "phase: {policy: each_chunk}",
            "train: {" + ", ".join(f"{k}: {v}" for k, v in settings.items()) + "}",
            f"checkpoint: {{resume_every: {resume_every}}}",
        ]
        if initial:
            lines.append(f"initial: {{checkpoint: {initial}}}")
        config = self.path(name + ".yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return config

    def scrape(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            return reply.read().decode()

    def logs(self, lines=25):
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(self.path(name), errors="replace", encoding="utf-8") as file:
                    text += f"--- {name}\n" + "".join(file.readlines()[-lines:])
        return text

    def close(self):
        codes = [worker.stop() for worker in self.workers]
        codes.append(self.coordinator.stop())
        shutil.rmtree(self.folder, ignore_errors=True)
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
