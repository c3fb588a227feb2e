"""The experiment's figures against numbers worked out by hand."""
import math
import unittest

import paths  # noqa: F401  pylint: disable=unused-import
import figures

MATRIX = [[40, 10, 12, 8],
          [30, 20, 14, 8],
          [34, 24, 25, 10],
          [20, 18, 15, 22]]


def at(*degrees):
    return [[math.cos(math.radians(x)), math.sin(math.radians(x))] for x in degrees]


class FiguresTest(unittest.TestCase):
    def test_figures_of_a_matrix(self):
        found = figures.summary(MATRIX)
        self.assertEqual((found["first"], found["last"], found["mean"]), (20, 22, 18.75))
        self.assertAlmostEqual(found["forgetting"], ((40 - 20) + (24 - 18) + (25 - 15)) / 3)
        self.assertAlmostEqual(found["backward"], ((20 - 40) + (18 - 20) + (15 - 25)) / 3)
        self.assertAlmostEqual(found["forward"], ((14 - 12) + (10 - 8)) / 2)
        self.assertEqual(figures.lost(MATRIX, 3, 1), 2)
        self.assertEqual(figures.summary(MATRIX[3:]), {"first": 20, "last": 22, "mean": 18.75})

    def test_mean_and_spread(self):
        values = [2, 4, 4, 4, 5, 5, 7, 9]
        self.assertEqual(figures.mean(values), 5)
        self.assertAlmostEqual(figures.spread(values), math.sqrt(32 / 7))
        self.assertIsNone(figures.spread([3]))

    def test_rank_correlation(self):
        # An example of textbooks: squared differences of ranks add up to 194.
        x = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
        y = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
        self.assertAlmostEqual(figures.spearman(x, y), 1 - 6 * 194 / (10 * 99))
        self.assertEqual(figures.ranks([1, 2, 2, 3]), [1, 2.5, 2.5, 4])
        self.assertAlmostEqual(figures.spearman([1, 2, 2, 3], [1, 3, 2, 4]), 4.5 / math.sqrt(4.5 * 5))
        self.assertIsNone(figures.spearman([1, 1, 1], [1, 2, 3]))

    def test_drift_of_vectors_in_a_plane(self):
        before = at(0, 90), at(10, 60)
        after = at(30, 100), at(20, 80)
        # self: 90 to 70, 50 to 60; turned by 30 and 10, 10 and 20; cross: 10, 60, 80, 30 to 10, 50, 80, 20.
        for found, due in zip(figures.drift(before, after), (20, 10, 20, 15, 15, 5), strict=True):
            self.assertAlmostEqual(found, due)


if __name__ == "__main__":
    unittest.main(verbosity=2)
