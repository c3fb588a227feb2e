"""Which pairs are held out."""
import unittest

import paths  # noqa: F401  pylint: disable=unused-import
import pairs


class PairsTest(unittest.TestCase):
    def test_caption_takes_four_new_keywords(self):
        self.assertEqual(pairs.caption("Red fox", ["fox", "animal", "", "animal", "wild", "tail", "den", "snow"]),
                         "Red fox animal wild tail den")

    def test_nothing_of_what_is_held_out_is_trained(self):
        rows = [("a.png", "A fox", "1"), ("b.png", "a FOX", "2"), ("c.png", "a wolf", "1"), ("d.png", "a bear", "4")]
        self.assertEqual(pairs.apart(rows, [rows[0]]), [rows[3]])
        self.assertEqual(pairs.once([("x", "A fox"), ("y", "a fox"), ("z", "")]), [("x", "A fox")])

    def test_halves_are_disjoint_and_do_not_depend_on_the_order(self):
        rows = [(f"{i}.png", f"number {i}", str(i)) for i in range(50)]
        held = pairs.hold_out(rows, 20)
        self.assertEqual(held, pairs.hold_out(rows[::-1], 20))
        halves = pairs.halves(held, 10)
        self.assertEqual(halves, pairs.halves(held[::-1], 10))
        self.assertEqual(sorted(halves["choose"] + halves["report"]), sorted(held))
        # Not the first ten: the halves are drawn by a hash of their own.
        self.assertNotEqual(sorted(halves["choose"]), sorted(held[:10]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
