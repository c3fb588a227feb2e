"""Folders and disks that fail: full, read-only or damaged, as docs/limits.md tells."""
import hashlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import unittest

import grpc

import bad_files
from cluster import BIN, Cluster
from limits_document import Seen
from raw_api import RawApi

DISK_BYTES = 96 << 20


def may_mount():
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


def in_namespace(script, *arguments):
    """A command that runs `script` with "$@" where it may mount file systems for itself alone."""
    return ["unshare", "-m" if may_mount() else "-rm", "sh", "-ec", script, "sh", *arguments]


class SmallDisk:
    """A file system of DISK_BYTES that a process of its own has mounted."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="keel-disk-")
        script = f'mount -t tmpfs -o size={DISK_BYTES} keel "$1"; mkdir "$1/state"; echo ready; exec sleep 1000'
        self.holder = subprocess.Popen(in_namespace(script, self.folder), stdout=subprocess.PIPE)
        try:
            if self.holder.stdout.readline() != b"ready\n":
                raise AssertionError("a file system could not be mounted")
        except BaseException:
            self.__exit__()
            raise
        # The folder as processes inside see it, and as this one does.
        self.state = os.path.join(self.folder, "state")
        self.root = f"/proc/{self.holder.pid}/root{self.folder}"
        self.seen_state = os.path.join(self.root, "state")
        return self

    def enter(self):
        """A command's first words, which let it see the disk."""
        more = [] if may_mount() else ["-U", "--preserve-credentials"]
        # Its root and folder too: those of the namespace are others in a chroot.
        return ["nsenter", "-t", str(self.holder.pid), "-m", "--root", "--wd", *more]

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        os.rmdir(self.folder)

    def free(self):
        facts = os.statvfs(self.root)
        return facts.f_bavail * facts.f_frsize

    def fill(self):
        """Leaves no byte free."""
        with open(os.path.join(self.root, "ballast"), "ab", buffering=0) as file:
            for piece in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(piece))
                except OSError:
                    pass

    def make_room(self):
        os.remove(os.path.join(self.root, "ballast"))


def rows(database):
    """All rows of all tables; the file's bytes if it is no database."""
    connection = sqlite3.connect(database)
    try:
        names = [name for name, in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY key").fetchall() for name in names}
    except sqlite3.DatabaseError:
        with open(database, "rb") as file:
            return file.read()
    finally:
        connection.close()


def content(folder):
    """What a state folder holds, without the lock, which says who has it now."""
    found = {"rows": rows(os.path.join(folder, "coordinator.db"))}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            if name != "lock" and not name.startswith("coordinator.db"):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


class BadDiskTest(unittest.TestCase):
    def test_bad_folders_and_full_disks_cost_nothing_acknowledged(self):
        self.seen = Seen(self, "Folders and disks")
        with SmallDisk() as self.disk:
            flags = ["--min-free-bytes", "0"]
            with Cluster(workers=1, coordinator_flags=flags, state_dir=self.disk.state,
                         coordinator_wrapper=self.disk.enter()) as self.cluster:
                self.check_second()
                self.cluster.create_stream("s", epochs=1000, resume_every="1h")
                self.shard = bad_files.good_shard(self.cluster.path("first.tar"), 64, first=0)
                self.cluster.keel("submit", "s", self.shard)
                self.check_full_while_training()
                self.check_full_in_mid_upload()
                streams = self.check_full_database()
                self.check_low_and_restart(streams)
                self.assertEqual(self.cluster.coordinator.stop(), 0)
                self.check_damage()
        self.seen.finish()

    # ---- disks -------------------------------------------------------------

    def blobs(self):
        return sorted(name for _, _, names in os.walk(os.path.join(self.disk.seen_state, "blobs"))
                      for name in names)

    def check_full_while_training(self):
        """Steps that cannot be stored wait, and so does the result."""
        cluster = self.cluster
        with cluster.fault("s", 1):
            self.disk.fill()
            cluster.wait_for(lambda: "tried again" in cluster.logs() or "could not be stored" in cluster.logs(),
                             "the full disk to be noticed")
        self.disk.make_room()
        cluster.await_phase("s", 1, "PUBLISHED")
        self.check_proven()

    def check_proven(self):
        verdicts = self.cluster.json("ledger", "s", "--verify")["verdicts"]
        self.assertTrue(verdicts and all(v["ok"] for v in verdicts), verdicts)
        self.assertTrue(self.cluster.json("submit", "s", self.shard)[0]["duplicate"])

    def check_full_in_mid_upload(self):
        """The disk fills up between two frames; what came of them makes room again."""
        data = bad_files.tar_bytes(bad_files.good_sample(1) + [("filler.bin", os.urandom(4 << 20))])
        digest, half = hashlib.sha256(data).hexdigest(), 2 << 20
        before = self.blobs()
        with grpc.insecure_channel(f"127.0.0.1:{self.cluster.port}") as channel:
            api = RawApi(channel)

            def messages():
                yield api.header("s", data)
                yield api.frame(data[:half])
                self.cluster.wait_for(lambda: api.received("s", data) == half, "the first frame")
                self.disk.fill()
                yield api.frame(data[half:], offset=half)
            refused = api.refusal(lambda: api.call(
                "keel.v1.StreamService", "SubmitChunk", messages()))
        path = os.path.join(self.disk.state, "blobs", "partial", digest)
        self.seen.check("disk-full", *refused, path=path)
        self.cluster.wait_for(lambda: self.blobs() == before, "what came to be removed")
        self.disk.make_room()

    def check_full_database(self):
        """Streams are created until the database finds no room; those that were stay."""
        cluster, created = self.cluster, []
        self.disk.fill()
        config = cluster.path("s.yaml")
        while True:
            name = f"t{len(created)}"
            refused = cluster.keel("stream", "create", name, "--config", config, check=False)
            if refused[0] != 0:
                break
            created.append(name)
        detail = re.search(r"coordinator\.db: (.*) \[DISK_FULL\]", refused[2])
        self.assertIsNotNone(detail, refused)
        self.seen.check_command("disk-full-database", refused, detail=detail.group(1),
                                database=os.path.join(self.disk.state, "coordinator.db"))
        self.assertIsNone(cluster.coordinator.child.poll(), cluster.logs())
        self.assertEqual(self.streams(), sorted(created + ["s"]))
        self.disk.make_room()
        cluster.keel("stream", "create", name, "--config", config)
        return sorted(created + ["s", name])

    def streams(self):
        return sorted(stream["name"] for stream in self.cluster.json("stream", "list")["streams"])

    def check_low_and_restart(self, streams):
        cluster, least = self.cluster, DISK_BYTES
        cluster.coordinator.stop()
        arguments = cluster.coordinator.arguments
        arguments[arguments.index("--min-free-bytes") + 1] = str(least)
        cluster.coordinator.start()
        cluster.wait_for(lambda: cluster.idle_workers() == 1, "the worker to come back")
        self.assertEqual(self.streams(), streams)
        self.check_proven()
        path, before = bad_files.good_shard(cluster.path("low.tar"), 8, first=500), self.blobs()
        refused = cluster.keel("submit", "s", path, check=False)
        free = int(re.search(r" of (\d+) free bytes", refused[2]).group(1))
        self.assertLess(abs(free - self.disk.free()), 1 << 20)
        self.seen.check_command("disk-low", refused, file=path, size=os.path.getsize(path), least=least,
                                free=free)
        self.assertEqual(self.blobs(), before)

    # ---- folders -----------------------------------------------------------

    def refused_start(self, state, listen="127.0.0.1:0", wrap=lambda command: command):
        """What a coordinator that cannot start logs in its last line."""
        command = [os.path.join(BIN, "keel-coordinator"), "--listen", listen, "--state-dir", state,
                   "--metrics-listen", "127.0.0.1:0"]
        done = subprocess.run(wrap(command), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr.splitlines()[-1] + "\n"

    def check_second(self):
        self.seen.check_log("coordinator-second", self.refused_start(
            self.disk.state, wrap=lambda command: self.disk.enter() + command),
                            lock=os.path.join(self.disk.state, "lock"),
                            pid=self.cluster.coordinator.child.pid)

    def copy(self, name):
        return shutil.copytree(self.disk.seen_state, self.cluster.path(name))

    def check_damage(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            state = self.copy("port")
            self.seen.check_log("port-taken", self.refused_start(state, listen=address), address=address)
        self.check_readonly()
        self.check_database("database-none", self.no_database)
        self.check_database("database-value", self.changed_value, key="s")

    def check_readonly(self):
        state = self.copy("readonly")
        script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"'
        log = self.refused_start(state, wrap=lambda command: in_namespace(script, state, *command))
        self.seen.check_log("folder-readonly", log, lock=os.path.join(state, "lock"))

    def check_database(self, case, damage, **values):
        state = self.copy(case)
        database = os.path.join(state, "coordinator.db")
        damage(database)
        before = content(state)
        self.seen.check_log(case, self.refused_start(state), database=database, **values)
        self.assertTrue(content(state) == before, "the folder was changed")

    def no_database(self, path):
        with open(path, "r+b") as file:
            file.write(b"no database " * 20)

    def changed_value(self, path):
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE streams SET value = CAST(value || x'00' AS BLOB) WHERE key = CAST('s' AS BLOB)")
            self.assertEqual(connection.total_changes, 1)
        connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
