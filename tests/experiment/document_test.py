"""docs/results.md says what docs/results/figures.json has."""
import json
import os
import re
import struct
import tempfile
import unittest

import paths
import cluster
import document
from settings import COMMON

# Three seeds of one method on two domains.
RUNS = [{"matrix": [[40, 10], [30, 20]], "drift": [[1, 0, 9, 8, 7, 6, 5, 1]]},
        {"matrix": [[40, 10], [36, 20]], "drift": [[1, 0, 9, 8, 7, 6, 5, 2]]},
        {"matrix": [[46, 10], [36, 26]], "drift": [[1, 0, 9, 8, 7, 6, 5, 3]]}]


def read(name):
    with open(os.path.join(paths.ROOT, name), encoding="utf-8") as file:
        return file.read()


class TablesTest(unittest.TestCase):
    def test_mean_and_spread_over_seeds(self):
        self.assertEqual(document.over_seeds([30, 36, 36]), "34.0 ± 3.5")
        self.assertEqual(document.over_seeds([30]), "30.0")
        rows = document.matrix_table({"modx": RUNS, "joint": [{"matrix": [[50, 60]]}]}, ["a", "b"]).splitlines()
        self.assertEqual(rows[2:], ["| all | a | 42.0 ± 3.5 | 10.0 ± 0.0 |", "| modx | b | 34.0 ± 3.5 | 22.0 ± 3.5 |",
                                    "| joint | b | 50.0 | 60.0 |"])

    def test_points_of_the_correlation(self):
        twice = {"modx": RUNS, "modx again": RUNS}
        found = document.points(twice, lambda run, stage, domain: domain == 0)
        self.assertEqual([(measures[5], lost) for measures, lost in found], [(1, 10), (2, 4), (3, 10)])

    def test_a_marker_without_a_table_is_an_error(self):
        text = "a\n<!-- table x -->\nold\n<!-- end of table -->\nb"
        self.assertEqual(document.fill(text, {"x": "new\n"}),
                         "a\n<!-- table x -->\nnew\n<!-- end of table -->\nb")
        self.assertRaises(KeyError, document.fill, text, {})

    def test_tensors_are_read_by_row(self):
        head = json.dumps({"__metadata__": {"keys": "[]"},
                           "t": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
        with tempfile.NamedTemporaryFile() as file:
            file.write(struct.pack("<Q", len(head)) + head + struct.pack("<6f", 1, 2, 3, 4, 5, 6.5))
            file.flush()
            self.assertEqual(cluster.read_tensors(file.name), {"t": [[1, 2, 3], [4, 5, 6.5]]})


class DocumentTest(unittest.TestCase):
    def setUp(self):
        self.figures = json.loads(read(document.FIGURES))
        self.text = read(document.DOCUMENT)

    def test_tables_are_what_the_figures_give(self):
        self.assertEqual(document.fill(self.text, document.tables(self.figures)), self.text)

    def test_every_table_is_in_the_document(self):
        self.assertEqual(sorted(re.findall(r"<!-- table ([^>]+?) -->", self.text)),
                         sorted(document.tables(self.figures)))
        self.assertLess(len(read(document.FIGURES)), 200_000)

    def test_keys_of_the_document_are_those_of_the_runs(self):
        known = set(COMMON) | {key for run in self.figures["runs"].values() for key in run["settings"]}
        keys = set(re.findall(r"`((?:train|method)\.[a-z_.]+)`", self.text))
        self.assertTrue(keys)
        self.assertLessEqual(keys, known)


if __name__ == "__main__":
    unittest.main(verbosity=2)
