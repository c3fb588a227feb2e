"""Every row of docs/limits.md, produced for real against a coordinator and a worker that train meanwhile."""
import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import unittest

import grpc

import bad_files
from bad_peers import BadPeers
from cluster import BIN, LONG, MODEL, Cluster, free_ports
from limits_document import Seen
from raw_api import RawApi

GOOD = 240

# Name -> what is done to a file of weights, and what its phase says.
BROKEN_WEIGHTS = {
    "cut": (lambda data: data[:len(data) // 2], r"the header describes \d+ bytes of tensors, the file has \d+"),
    "longer": (lambda data: data + b"0" * 8, r"the header describes \d+ bytes of tensors, the file has \d+"),
    "flipped": (lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:], "its header is not a JSON object"),
    "renamed": (lambda data: data.replace(b'"logit_scale"', b'"logit_scalf"', 1),
                "tensors do not fit the model; missing: logit_scale; unexpected: logit_scalf"),
    "no-length": (lambda data: data[:7], "too short for a safetensors header"),
    "huge-header": (lambda data: b"\xff" * 8 + data[8:], f"its header claims {2**64 - 1} bytes"),
}


class BadInputTest(BadPeers, unittest.TestCase):
    def test_every_bad_input_is_refused_by_name_and_hurts_nothing_else(self):
        with Cluster(workers=1) as cluster:
            self.cluster = cluster
            with grpc.insecure_channel(f"127.0.0.1:{cluster.port}") as channel:
                self.api = RawApi(channel)
                self.create_streams()
                self.check_samples()
                before = self.others()
                with self.cluster.fault("healthy", 1):
                    self.check_chunks()
                self.check_configurations()
                self.check_requests()
                self.check_peers()
                self.assertEqual(self.others(), before)
            self.check_nothing_was_hurt()
            self.assertEqual(cluster.close(), [0, 0])

    def test_initial_weights_that_cannot_be_read_fail_their_first_phase(self):
        with Cluster(workers=1) as cluster:
            cluster.create_stream("good")
            shard = cluster.pack("a", 60)
            cluster.keel("submit", "good", shard)
            cluster.await_phase("good", 1, "PUBLISHED")
            cluster.keel("checkpoint", "pull", "good", "--out", cluster.path("pulled"))
            for name, (damage, text) in BROKEN_WEIGHTS.items():
                folder = cluster.path(name)
                shutil.copytree(cluster.path("pulled"), folder)
                weights = os.path.join(folder, "open_clip_model.safetensors")
                with open(weights, "rb") as file:
                    data = file.read()
                bad_files.write_file(weights, damage(data))
                cluster.create_stream(name, initial=folder)
                cluster.keel("submit", name, shard)
                cluster.await_phase(name, 1, "FAILED")
                digest = hashlib.sha256(damage(data)).hexdigest()
                with self.subTest(name):
                    self.assertRegex(cluster.phase(name, 1)["reason"], rf"^worker \w+: \S+/{digest}: {text}$")
            cluster.create_stream("after", initial=cluster.path("pulled"))
            cluster.keel("submit", "after", shard)
            cluster.await_phase("after", 1, "PUBLISHED")

    # ---- what stands by ----------------------------------------------------

    def create_streams(self):
        """`healthy` trains all the time; `other` waits with one chunk, and has narrow limits."""
        cluster = self.cluster
        cluster.create_stream("healthy", epochs=2 * LONG, resume_every="10s")
        limits = {"bad-samples": "max_image_bytes: 1MiB",
                  "other": "max_samples_per_chunk: 20, max_chunk_bytes: 8MiB"}
        for name, text in limits.items():
            config = cluster.write_config(name, epochs=2)
            with open(config, encoding="utf-8") as file:
                lines = file.read().replace("each_chunk", "manual" if name == "other" else "each_chunk")
            bad_files.write_file(config, (lines + f"limits: {{{text}}}\n").encode())
            cluster.keel("stream", "create", name, "--config", config)
        cluster.keel("stream", "create", "asked", "--config", cluster.path("other.yaml"),
                     "--request-id", "ask")
        self.waiting = bad_files.good_shard(cluster.path("bad", "waiting.tar"), 10, first=5_000_000)
        cluster.keel("submit", "other", self.waiting, "--request-id", "used")
        cluster.keel("submit", "healthy", cluster.pack("healthy", 200))

    def others(self):
        """All that the refused inputs must not touch."""
        streams = self.cluster.json("stream", "list")["streams"]
        request = self.api.message("keel.v1.ListChunksRequest", stream="other")
        chunks = self.api.call("keel.v1.StreamService", "ListChunks", request)
        return ([s for s in streams if s["name"] == "other"], sorted(s["name"] for s in streams),
                str(chunks))

    def files(self, folder):
        root = self.cluster.path("coordinator", "blobs", folder)
        return sorted(name for _, _, names in os.walk(root) for name in names)

    def assert_no_bytes(self, *uploads):
        """Of these is nothing left; the worker's own uploads go through the same folders."""
        left = self.files("blobs") + self.files("partial")
        for data in uploads:
            self.assertNotIn(hashlib.sha256(data).hexdigest(), left)

    def check_nothing_was_hurt(self):
        cluster = self.cluster
        for stream, samples in (("healthy", 200), ("bad-samples", GOOD + 1)):
            cluster.await_phase(stream, 1, "PUBLISHED")
            phase = cluster.phase(stream, 1)
            self.assertEqual(int(phase["accounting"]["accepted_count"]), samples)
            verdicts = cluster.json("ledger", stream, "--verify")["verdicts"]
            self.assertTrue(verdicts and all(v["ok"] for v in verdicts), verdicts)
        struck = cluster.phase("bad-samples", 1)["accounting"]["struck_by_reason"]
        self.assertEqual(set(struck), {"IMAGE_DECODE"})
        good = bad_files.good_shard(cluster.path("bad", "after.tar"), 10, 6_000_000)
        mixed = ["submit", "other", cluster.path("bad", "tar-none.tar"), good]
        code, out, _ = cluster.keel("--output", "json", *mixed, check=False)
        self.assertEqual((code, [a["chunk"]["display_name"] for a in json.loads(out)]), (2, ["after.tar"]))

    # ---- data --------------------------------------------------------------

    def check_samples(self):
        seen = Seen(self, "Samples")
        bad = bad_files.bad_samples(known="good-000000")
        entries = [e for i in range(GOOD) for e in bad_files.good_sample(i)]
        entries += [e for sample in bad.values() for e in sample]
        entries += [("undecodable.png", bad_files.undecodable_png()), ("undecodable.txt", b"a caption")]
        data = bad_files.tar_bytes(entries)
        offsets = bad_files.offsets(data)
        path = bad_files.write_file(self.cluster.path("bad", "samples.tar"), data)
        answer = self.cluster.json("submit", "bad-samples", path)[0]
        counts = answer["chunk"]["samples"]
        self.assertEqual(int(counts["accepted_count"]), GOOD + 1)
        self.assertEqual(int(counts["rejected_count"]), len(bad))
        by_reason = {}
        for (case, sample), rejected in zip(bad.items(), answer["rejected"]):
            by_reason[rejected["reason"]] = by_reason.get(rejected["reason"], 0) + 1
            entry = self.entry_of(case, sample)
            seen.check(case, None, rejected["reason"], rejected["message"], entry=entry,
                       offset=offsets[entry], key=rejected["key"])
        self.assertEqual({k: int(v) for k, v in counts["rejected_by_reason"].items()}, by_reason)
        seen.finish()

    def entry_of(self, case, sample):
        """The entry that the text names: the one that breaks the rule."""
        broken_second = case in ("image-twice",) or case.startswith(("caption", "json"))
        return sample[min(int(broken_second), len(sample) - 1)][0]

    def submit(self, *arguments):
        return self.cluster.keel("submit", *arguments, check=False)

    def check_chunks(self):
        seen = Seen(self, "Chunks")
        shards = bad_files.bad_shards()
        most = 8 << 20
        shards["chunk-empty"] = (b"", {"most": most})
        shards["chunk-large"] = (bytes(most + 1), {"most": most, "size": most + 1})
        for case, (data, values) in shards.items():
            path = bad_files.write_file(self.cluster.path("bad", case + ".tar"), data)
            seen.check_command(case, self.submit("other", path), file=path, stream="other", **values)
            self.assert_no_bytes(data)
        missing = self.cluster.path("bad", "missing.tar")
        seen.check_command("file-missing", self.submit("other", missing), file=missing)
        good = bad_files.good_shard(self.cluster.path("bad", "good.tar"), 10, first=7_000_000)
        with open(self.waiting, "rb") as file:
            used = hashlib.sha256(file.read()).hexdigest()
        seen.check_command("request-reused", self.submit("other", good, "--request-id", "used"),
                           file=good, request="used", stream="other", chunk=used)
        seen.check_command("chunk-use", self.submit("other", self.waiting, "--probe"),
                           file=self.waiting, stream="other", chunk=used)
        seen.check_command("chunk-origin", self.submit("other", good, "--origin", "1"),
                           file=good, origin="1")
        seen.check_command("stream-unknown", self.submit("nobody", good), file=good, stream="nobody")
        address = f"127.0.0.1:{free_ports()}"
        away = subprocess.run([os.path.join(BIN, "keel"), "--coordinator", address, "--timeout", "1s",
                               "submit", "other", good], capture_output=True, text=True, timeout=60,
                              check=False)
        away = (away.returncode, away.stdout, away.stderr)
        seen.check_command("coordinator-away", away, file=good, address=address)
        with open(good, "rb") as file:
            self.assert_no_bytes(file.read())
        seen.finish()

    # ---- configurations ----------------------------------------------------

    def create(self, text, name="refused"):
        path = bad_files.write_file(self.cluster.path("bad", "config.yaml"), text.encode())
        return self.cluster.keel("stream", "create", name, "--config", path, check=False)

    def check_configurations(self):
        seen = Seen(self, "Configurations")
        file = self.cluster.path("bad", "config.yaml")
        texts = {
            "config-yaml": "train: {epochs: 3\n",
            "config-section": "method: {name: finetune}\ntrain: 3\n",
            "config-twice": "train:\n  epochs: 3\n  lr: 0.1\n  epochs: 4\n",
            "config-key": "train:\n  lr: 0.1\n  epoch: 3\n",
            "config-key-far": "colour: red\n",
            "config-alpha": "method:\n  alpha: -1\n",
            "config-type": "train: {epochs: many}\n",
            "config-unit": "checkpoint: {resume_every: 60}\n",
            "config-choice": "method: {name: modz}\n",
            "config-together": "group: {min_workers: 3, max_workers: 2}\n",
            "checkpoint-missing": "initial: {checkpoint: /no/such/folder}\n",
        }
        for case, text in texts.items():
            seen.check_command(case, self.create(text), file=file, path="/no/such/folder")
        self.check_other_preprocessing(seen)
        seen.check_command("stream-name", self.create("", name="Illegal Name"), name="Illegal Name")
        seen.check_command("stream-exists", self.create("", name="other"), stream="other")
        missing = self.cluster.path("bad", "missing.yaml")
        seen.check_command("config-missing", self.cluster.keel(
            "stream", "create", "refused", "--config", missing, check=False), file=missing)
        self.check_raw_configurations(seen)
        seen.finish()

    def check_other_preprocessing(self, seen):
        folder = self.cluster.path("bad", "squashed")
        path = bad_files.write_file(os.path.join(folder, "open_clip_config.json"), json.dumps(
            {"preprocess_cfg": {"interpolation": "bilinear"}, "model_cfg": MODEL}).encode())
        bad_files.write_file(os.path.join(folder, "open_clip_model.safetensors"), b"weights")
        for text in ("", "model: {preset: tiny}\n"):
            config = text + f"initial: {{checkpoint: {folder}}}\n"
            seen.check_command("checkpoint-preprocess", self.create(config), path=path)

    def check_raw_configurations(self, seen):
        def create(**fields):
            request = self.api.message("keel.v1.CreateStreamRequest", **fields)
            return self.api.refusal(lambda: self.api.call("keel.v1.StreamService", "CreateStream", request))
        seen.check("config-alpha-grpc", *create(name="refused", config={"method": {"alpha": -1}}))
        seen.check("stream-request-reused", *create(name="asked", request_id="ask"),
                   request="ask", stream="asked")
        seen.check("stream-request-name", *create(name="renamed", request_id="ask"), request="ask", stream="asked")

    # ---- requests ----------------------------------------------------------

    def check_requests(self):
        seen = Seen(self, "Requests")
        self.check_uploads(seen)
        self.check_broken_uploads(seen)
        self.check_questions(seen)
        seen.finish()

    def check_uploads(self, seen):
        api = self.api
        data = bad_files.tar_bytes(bad_files.good_sample(8_000_000))
        large, other = bytes(6 << 20), b"other bytes"
        wrong = hashlib.sha256(other).hexdigest()
        header = api.header("other", data)
        tries = {
            "header-missing": ([api.frame(data)], {}),
            "header-twice": ([header, header], {}),
            "digest-format": ([api.header("other", data, digest="0" * 63)], {}),
            "digest-wrong": ([api.header("other", data, digest=wrong), api.frame(data)],
                             {"size": len(data), "digest": wrong,
                              "actual": hashlib.sha256(data).hexdigest()}),
            "frame-offset": ([header, api.frame(data, offset=7)], {}),
            "frame-large": ([api.header("other", large), api.frame(bytes(5 << 20))], {}),
            "frame-beyond": ([header, api.frame(data + b"x")], {"size": len(data)}),
            "text-long": ([api.header("other", data, request_id="r" * 256)], {}),
        }
        for case, (messages, values) in tries.items():
            seen.check(case, *api.refusal(lambda m=messages: api.submit(*m)), **values)
            self.assert_no_bytes(data, large, other)
        huge = api.frame(bytes(17 << 20))
        seen.check("message-large", *api.refusal(lambda: api.submit(huge)), size=huge.ByteSize())

    def check_broken_uploads(self, seen):
        """Uploads that break after their first half; the command line goes on with what is kept."""
        api, cluster = self.api, self.cluster
        path = bad_files.good_shard(cluster.path("bad", "broken-off.tar"), 18, first=9_000_000)
        with open(path, "rb") as file:
            data = file.read()
        half = len(data) // 2
        first, rest = api.frame(data[:half]), api.frame(data[half:], offset=half)
        header = api.header("other", data)
        seen.check("upload-cut", *api.refusal(lambda: api.submit(header, first)),
                   received=half, size=len(data))
        self.assertEqual(api.received("other", data), half)
        at = api.header("other", data, offset=half + 1)
        seen.check("upload-offset", *api.refusal(lambda: api.submit(at, rest)),
                   received=half, offset=half + 1)
        resumed = api.header("other", data, offset=half)
        rest.frame.crc32 ^= 1
        seen.check("frame-checksum", *api.refusal(lambda: api.submit(resumed, rest)), offset=half)
        self.assertEqual(api.received("other", data), half)
        self.check_stall(seen, path, data, header, first)

    def check_stall(self, seen, path, data, header, first):
        """A client sends a half and then nothing, while the same bytes come from another one."""
        api, cluster, half = self.api, self.cluster, len(first.frame.data)
        outgoing = queue.Queue()
        outgoing.put(header)
        outgoing.put(first)
        stalled = api.begin_submit(iter(outgoing.get, None))
        rival = api.header("asked", data, offset=half)
        cluster.wait_for(lambda: api.received("other", data) == half
                         and api.refusal(lambda: api.submit(rival))[1] == "UPLOAD_BUSY",
                         "the upload to stall")
        seen.check("upload-busy", *api.refusal(lambda: api.submit(rival)),
                   digest=hashlib.sha256(data).hexdigest())
        cluster.keel("submit", "other", self.waiting)  # others are served meanwhile
        stalled.cancel()
        outgoing.put(None)
        cluster.wait_for(lambda: api.refusal(lambda: api.submit(rival))[1] == "UPLOAD_INCOMPLETE",
                         "the stalled call to end")
        self.assertEqual(api.received("asked", data), half)
        accepted = cluster.json("submit", "asked", path)[0]
        self.assertEqual(int(accepted["chunk"]["samples"]["accepted_count"]), 18)
        self.assertNotIn(hashlib.sha256(data).hexdigest(), self.files("partial"))

    def check_questions(self, seen):
        api, keel = self.api, self.cluster.keel

        def ask(service, method, request, **fields):
            message = api.message("keel.v1." + request, **fields)
            return api.refusal(lambda: api.call("keel.v1." + service, method, message))
        seen.check("page-size", *ask("StreamService", "ListStreams", "ListStreamsRequest", page_size=-1))
        seen.check("page-token", *ask("StreamService", "ListStreams", "ListStreamsRequest",
                                      page_token="nonsense"))
        seen.check("file-unknown", *ask("CheckpointService", "DownloadFile", "DownloadFileRequest",
                                        stream="healthy", file="weights"), stream="healthy")
        name = api.message("keel.v1.UploadCheckpointRequest", file={
            "name": "../weights", "size_bytes": 3, "digest": "0" * 64})
        seen.check("checkpoint-name", *api.refusal(
            lambda: api.call("keel.v1.CheckpointService", "UploadCheckpoint", iter([name]))))
        with open(self.waiting, "rb") as file:
            stored = file.read()
        claimed = api.message("keel.v1.UploadCheckpointRequest", file={
            "name": "weights", "size_bytes": 1, "digest": hashlib.sha256(stored).hexdigest()})
        seen.check("checkpoint-size", *api.refusal(
            lambda: api.call("keel.v1.CheckpointService", "UploadCheckpoint", iter([claimed]))), size=len(stored))
        seen.check_command("phase-unknown", keel("phase", "show", "healthy", "99", check=False),
                           stream="healthy")
        retried = keel("phase", "retry", "healthy", "1", check=False)
        state = re.search(r"it is ([A-Z]+);", retried[2])
        self.assertIn(state and state.group(1), ("QUEUED", "TRAINING", "EVALUATING", "PUBLISHED"))
        seen.check_command("phase-state", retried, stream="healthy", state=state.group(1))
        seen.check_command("phase-empty", keel("phase", "close", "bad-samples", check=False),
                           stream="bad-samples")
        seen.check_command("checkpoint-unknown", keel(
            "checkpoint", "pull", "healthy@99", "--out", self.cluster.path("none"), check=False),
            stream="healthy")
        seen.check_command("worker-unknown", keel("worker", "drain", "nobody", check=False), worker="nobody")


if __name__ == "__main__":
    unittest.main(verbosity=2)
