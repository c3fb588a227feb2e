"""The tree keeps its dependency rules; a tree that breaks one is found out.

    layering_test.py TARGETS      targets.txt of the build folder
"""
import os
import sys
import tempfile
import unittest

import layering

TARGETS = ""

# For each rule: a file that breaks it, the include, and a link that does.
BROKEN = [
    ("coordinator/core/a.cc", "ATen/ATen.h", "keel_torch"),
    ("common/a.h", "torch/torch.h", "torch_cpu"),
    ("worker/train/a.cc", "keel/v1/stream.pb.h", "keel_proto"),
    ("worker/agent/a.cc", "c10/util/Exception.h", "c10"),
    ("worker/data/a.h", "ATen/ATen.h", "keel_torch"),
    ("worker/seam/a.h", "worker/data/b.h", "keel_data"),
    ("coordinator/core/a.cc", "common/clock.h", "keel_store"),
    ("coordinator/client/a.cc", "worker/seam/job.h", "keel_seam"),
    ("worker/agent/a.cc", "coordinator/core/planner.h", "keel_coordinator_core"),
    ("common/a.cc", "coordinator/core/planner.h", "keel_coordinator_core"),
    ("worker/data/a.cc", "tests/testing/tar_writer.h", "keel_testing_shard"),
]
FOLDERS = {"keel_seam": "worker/seam", "keel_data": "worker/data", "keel_store": "coordinator/store",
           "keel_coordinator_core": "coordinator/core", "keel_testing_shard": "tests/testing"}


def titles(lines):
    return {line.split(": ")[0] for line in lines}


class TreeTest(unittest.TestCase):
    def test_includes_keep_the_rules(self):
        self.assertEqual(layering.bad_includes(), [])

    def test_links_keep_the_rules(self):
        targets = layering.read_targets(TARGETS)
        self.assertIn("keel_common", targets)
        self.assertIn("keel_train", targets["keel-worker"][2])
        self.assertEqual(layering.bad_links(targets), [])

    def test_every_rule_looks_at_files_that_are_there(self):
        for _, folders, _, _ in layering.RULES:
            for folder in folders:
                self.assertTrue(layering.sources_in(layering.ROOT, folder), folder)


class BrokenTest(unittest.TestCase):
    def includes(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return layering.bad_includes(root)

    def test_each_rule_finds_its_include(self):
        for (title, *_), (path, header, _) in zip(layering.RULES, BROKEN, strict=True):
            found = self.includes({path: f'#include "{header}"\n'})
            self.assertIn(f"{title}: {path} > {header}", found)

    def test_an_include_is_found_through_the_trees_own_headers(self):
        found = self.includes({"worker/agent/a.cc": '#include "worker/train/b.h"\n',
                               "worker/train/b.h": "#  include <ATen/ATen.h>\n"})
        self.assertEqual(found, ["the agent half uses no LibTorch: "
                                 "worker/agent/a.cc > worker/train/b.h > ATen/ATen.h"])

    def test_what_is_allowed_is_not_reported(self):
        self.assertEqual(self.includes({
            "worker/train/a.cc": '#include <ATen/ATen.h>\n#include "common/log.h"\n',
            "worker/seam/a.h": '#include "worker/seam/b.h"\n#include "common/shard/shard_types.h"\n',
            "worker/agent/a.cc": '#include <grpcpp/grpcpp.h>\n',
            "coordinator/core/a.cc": '#include "keel/v1/stream.pb.h"\n#include "common/plan/mix.h"\n'}), [])

    def test_each_rule_finds_its_link_behind_another_one(self):
        for (title, *_), (path, _, link) in zip(layering.RULES, BROKEN, strict=True):
            targets = {"a": (os.path.dirname(path), "STATIC_LIBRARY", ["b"]),
                       "b": ("common", "STATIC_LIBRARY", [link])}
            if link in FOLDERS:
                targets[link] = (FOLDERS[link], "STATIC_LIBRARY", [])
            self.assertIn(f"{title}: a > b > {link}", layering.bad_links(targets))

    def test_a_program_may_join_both_halves_but_no_test_of_the_coordinator(self):
        links = ["keel_torch", "keel_proto"]
        self.assertEqual(layering.bad_links({"w": ("worker/agent", "EXECUTABLE", links)}), [])
        self.assertEqual(
            titles(layering.bad_links({"t": ("tests/coordinator/core", "EXECUTABLE", links)})),
            {"the coordinator and its tests use no LibTorch, CUDA or NCCL"})


if __name__ == "__main__":
    TARGETS = sys.argv.pop()
    unittest.main(verbosity=2)
