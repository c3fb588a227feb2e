"""The stored formats are what docs/formats/ says: its examples are made again and compared byte by byte, and a phase's
ledger is recomputed from the stored files by stored.py, which knows nothing but those documents."""
import hashlib
import io
import json
import os
import re
import tarfile
import unittest
import zlib

from cluster import Cluster
from stored import (Plan, State, fields, is_probe, mix64, mix_key, one, part, permuted, reservoir, row_hash,
                    safetensors_header)

FORMATS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "formats")
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")

# A picture of one pixel, so that a whole shard fits into a document.
DOT = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0"
                    "000003010100c9fe92ef0000000049454e44ae426082")


def example_shard():
    """docs/formats/chunk.md's example: one sample with one caption, one with two."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("a.png", DOT), ("a.txt", b"a red dot\n"), ("b.png", DOT + b"\0"),
                           ("b.json", b'{"captions": ["a dot", "red"]}')):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def examples():
    """Name -> bytes, as the documents show them after <!-- bytes: NAME -->."""
    found = {}
    for name in sorted(os.listdir(FORMATS)):
        with open(os.path.join(FORMATS, name), encoding="utf-8") as file:
            text = file.read()
        for title, block in re.findall(r"<!-- bytes: (\S+) -->\n```\n(.*?)```", text, re.DOTALL):
            found[title] = block
    return found


class FormatsTest(unittest.TestCase):
    def check_bytes(self, title, data):
        """Each line of the example is an offset and the bytes there; what is left out is a line of dots."""
        lines = [line for line in examples()[title].splitlines() if line and line != "..."]
        self.assertTrue(lines)
        for line in lines:
            offset, shown = re.match(r"([0-9a-f]{4,8})  ((?:[0-9a-f]{2} ?)+)", line).groups()
            shown = bytes.fromhex(shown)
            at = int(offset, 16)
            self.assertEqual(data[at:at + len(shown)].hex(" "), shown.hex(" "), f"{title} at {offset}")
        if "..." not in examples()[title]:
            self.assertEqual(len(data), at + len(shown), title)

    def test_examples_of_a_chunk_its_index_and_a_row(self):
        shard = example_shard()
        self.check_bytes("chunk", shard)
        with Cluster(workers=0) as cluster:
            path = cluster.path("example.tar")
            with open(path, "wb") as file:
                file.write(shard)
            cluster.create_stream("news")
            cluster.keel("submit", "news", path, "--probe")
            state = State(cluster.path("coordinator"))
            digest = hashlib.sha256(shard).hexdigest()
            self.assertEqual(state.blob(digest), shard)
            record = fields(state.table("chunks")[f"news/{digest}"])
            self.check_bytes("index", state.blob(one(record, 2).decode()))
            key, value = next(iter(state.table("requests").items()))
            self.assertEqual((key, value), (f"news/chunk:{digest}", digest.encode()))
            self.check_document_row(key, value)
            tables = {name for name in self.documented_tables() if state.table(name) is not None}
            self.assertEqual(tables, self.declared_tables())

    def check_document_row(self, key, value):
        with open(os.path.join(FORMATS, "state.md"), encoding="utf-8") as file:
            text = file.read()
        for shown in (key, value.decode(), str(zlib.crc32(b"requests" + key.encode() + value))):
            self.assertIn(shown, text)

    def documented_tables(self):
        with open(os.path.join(FORMATS, "state.md"), encoding="utf-8") as file:
            section = file.read().split("## Tables")[1].split("\n## ")[0]
        return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))

    def declared_tables(self):
        path = os.path.join(FORMATS, "..", "..", "coordinator", "store", "table_names.h")
        with open(path, encoding="utf-8") as file:
            return set(re.findall(r'string_view k\w+ = "(\w+)";', file.read().split("namespace table")[1]
                                  .split("kAll")[0]))

    def test_reasons_to_leave_a_sample_out_are_those_of_the_code(self):
        with open(os.path.join(FORMATS, "chunk.md"), encoding="utf-8") as file:
            table = file.read().split("| reason | the sample is left out because |")[1].split("\n\n")[0]
        documented = [name for row in table.splitlines() for name in re.findall(r"`([A-Z_0-9]+)`", row.split(" | ")[0])]
        path = os.path.join(FORMATS, "..", "..", "common", "shard", "shard_types.h")
        with open(path, encoding="utf-8") as file:
            section = file.read().split("namespace shard_reason {")[1].split("}  // namespace shard_reason")[0]
        self.assertEqual(sorted(documented), sorted(re.findall(r'"([A-Z_0-9]+)"', section)))

    def test_example_of_a_safetensors_file(self):
        with open(os.path.join(GOLDEN, "drift_few.safetensors"), "rb") as file:
            self.check_bytes("safetensors", file.read())

    def test_vectors_of_the_accounting(self):
        with open(os.path.join(FORMATS, "accounting.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", file.read().split("## Test vectors")[1], re.MULTILINE)
        image, caption = (hashlib.sha256(word).digest()[:16] for word in (b"image", b"caption"))
        names = {"mix64": mix64, "mix_key": mix_key, "permuted": permuted, "part": part, "row_hash": row_hash,
                 "is_probe": is_probe, "image": image, "caption": caption, "hex": lambda *v: " ".join(map(hex, v))}
        self.assertGreater(len(rows), 8)
        for expression, expected in rows:
            self.assertEqual(str(eval(expression, {"__builtins__": {"range": range}, **names})),  # pylint: disable=eval-used
                             expected, expression)

    def test_ledger_is_recomputed_from_the_stored_files_alone(self):
        with Cluster(workers=1) as cluster:
            cluster.create_stream("news", epochs=3, global_batch=16,
                                  method="finetune, replay: {samples: 20, per_batch: 6}")
            before = None
            for number, count in enumerate((70, 50, 40), 1):
                cluster.keel("submit", "news", self.pack_with_two_captions(cluster, number, count))
                cluster.keel("phase", "watch", "news")
                plan = self.check_phase(cluster, number)
                expected = set()
                if before:
                    expected = reservoir(plan.seed, 20, before.own | before.reservoir)
                self.assertEqual(plan.reservoir, expected)
                self.assertEqual(plan.replayed, 6 if before else 0)
                before = plan

    def check_phase(self, cluster, number):
        state = State(cluster.path("coordinator"))
        shown = cluster.json("phase", "steps", "news", str(number))["steps"]
        phase = fields(state.table("phases")[f"news/{number:019}/{1:019}"])
        generations = {one(g, 1) for g in map(fields, state.table("generations").values()) if one(g, 3) == number}
        plan = Plan(state, one(phase, 2).decode())
        self.check_ledger(state, plan, shown, generations)
        return plan

    def pack_with_two_captions(self, cluster, number, count):
        """A shard in which every second picture has a second caption; another for each number."""
        name = f"part{number}"
        cluster.pack(name, count, first=1000 * number)
        images = cluster.path(f"images-{name}")
        with open(os.path.join(images, "captions.tsv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        table = cluster.path(f"{name}.tsv")
        with open(table, "w", encoding="utf-8") as file:
            file.writelines(line + (f"\tpicture {i}\n" if i % 2 else "\n") for i, line in enumerate(lines))
        cluster.keel("pack", "--images", images, "--captions", table, "--out", cluster.path(f"two-{name}"))
        return cluster.path(f"two-{name}", "shard-000000.tar")

    def check_ledger(self, state, plan, shown, generations):
        steps = {one(step, 2): step for step in map(fields, state.table("steps").values())
                 if one(step, 1) in generations}
        self.assertEqual(sorted(steps), list(range(plan.step_count)))
        self.assertEqual([int(step["number"]) if "number" in step else 0 for step in shown], sorted(steps))
        touched = [0] * len(plan.samples)
        drawn_second = 0
        for number, step in steps.items():
            low = high = rows = 0
            for epoch, sample, caption in plan.rows(number):
                a, b = row_hash(plan.seed, plan.phase, epoch, sample, *self.digests(state, plan, sample, caption))
                low, high, rows = (low + a) % 2**64, (high + b) % 2**64, rows + 1
                touched[sample] += 1
                drawn_second += caption
            self.assertEqual((one(step, 3), one(step, 4), one(step, 5)), (rows, low, high), f"step {number}")
            self.assertEqual(int(shown[number]["sample_count"]), rows)
        self.assertEqual(set(touched[:plan.count]), {plan.epochs})
        self.assertEqual(sum(touched[plan.count:]), plan.step_count * plan.replayed)
        self.assertGreater(drawn_second, 0)

    def digests(self, state, plan, sample, caption):
        """The digests of the row's image and caption, from the tar's own bytes; the index must say the same."""
        chunk, index = plan.samples[sample]
        tar = state.blob(chunk)
        image = tar[one(index, 2):one(index, 2) + one(index, 3)]
        entry = fields(index[8][caption])
        text = tar[one(entry, 2):one(entry, 2) + one(entry, 3)]
        position = one(entry, 4)
        if position == 2**64 - 2:
            text = text.rstrip(b"\r\n")
        else:
            text = json.loads(text)["captions"][position].encode()
        digests = hashlib.sha256(image).digest()[:16], hashlib.sha256(text).digest()[:16]
        self.assertEqual(digests, (one(index, 4), one(entry, 1)))
        self.assertFalse(is_probe(digests[0], 0.05))  # the default share; such samples are not planned
        return digests

    def test_resume_point_has_the_documented_files_and_tensors(self):
        with Cluster(workers=1) as cluster:
            cluster.create_stream("news", epochs=400)
            cluster.keel("submit", "news", cluster.pack("a", 100))
            state = State(cluster.path("coordinator"))
            files = {}

            def fetch():
                """The newest resume point's files; they may be deleted while they are read."""
                record = fields(state.table("phases").get("news/0000000000000000001/0000000000000000001", b""))
                for point in record.get(5, []):
                    try:
                        files.update({one(f, 1).decode(): state.blob(one(f, 3).decode())
                                      for f in map(fields, fields(point)[2])})
                        files["step"] = one(fields(point), 1)
                    except FileNotFoundError:
                        files.clear()
                return bool(files)
            cluster.wait_for(fetch, "a resume point")
        self.check_resume_point(files)

    def check_resume_point(self, files):
        self.assertEqual(set(files), {"keel_manifest.json", "open_clip_config.json", "open_clip_model.safetensors",
                                      "trainer_state.safetensors", "step"})
        manifest = json.loads(files["keel_manifest.json"])
        self.assertEqual(manifest["step"], files["step"])
        for entry in manifest["files"]:
            data = files[entry["name"]]
            self.assertEqual((entry["size_bytes"], entry["sha256"]), (len(data), hashlib.sha256(data).hexdigest()))
        weights, _ = safetensors_header(files["open_clip_model.safetensors"])
        state, data_at = safetensors_header(files["trainer_state.safetensors"])
        for tensors in (weights, state):
            tensors.pop("__metadata__", None)
        self.assertEqual(set(state), {"optimizer_step", "phase_step"} | {
            f"{kind}.{name}" for name in weights for kind in ("exp_avg", "exp_avg_sq")})
        for name, tensor in weights.items():
            for kind in ("exp_avg", "exp_avg_sq"):
                self.assertEqual((state[f"{kind}.{name}"]["shape"], tensor["dtype"]), (tensor["shape"], "F32"))
        begin, end = state["phase_step"]["data_offsets"]
        stored = files["trainer_state.safetensors"][data_at + begin:data_at + end]
        self.assertEqual(int.from_bytes(stored, "little"), files["step"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
