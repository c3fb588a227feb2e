"""Which runs follow from those that are there."""
import unittest

import paths  # noqa: F401  pylint: disable=unused-import
import plan
from settings import FAMILIES, SEEDS, STREAMS, configuration, run_of

FAMILY = {family.name: family for family in FAMILIES}


def finish(score):
    """The scores after all runs, each worth score(run)."""
    scores = {}
    while due := plan.due(scores):
        scores[due[0].name] = score(due[0])
    return scores


class PlanTest(unittest.TestCase):
    def test_every_family_is_run_with_every_seed(self):
        scores = finish(lambda run: len(run.name) % 7)
        for stream in STREAMS:
            for family in FAMILIES:
                settings = plan.choice(stream, family, scores)
                for seed in SEEDS:
                    self.assertIn(run_of(stream, seed, settings).name, scores)
        self.assertLessEqual(len(scores), plan.total())

    def test_the_best_of_the_first_seed_is_chosen(self):
        def score(run):
            settings = dict(run.settings)
            good = settings.get("method.alpha") == 60 or settings.get("method.interpolate") == 0.7
            return 30 if run.seed == 0 and good else 20 if run.seed == 0 else 90
        scores = finish(score)
        for stream in STREAMS:
            self.assertEqual(plan.choice(stream, FAMILY["modx"], scores)["method.alpha"], 60)
            both = plan.choice(stream, FAMILY["modx + interpolation"], scores)
            self.assertEqual((both["method.alpha"], both["method.interpolate"]), (60, 0.5), "equal ones: the first")
        # On the second stream only the variant chosen on the first was run.
        self.assertEqual(len(plan.candidates(STREAMS[1], FAMILY["modx + interpolation"], scores)), 1)
        self.assertEqual(len(plan.candidates(STREAMS[1], FAMILY["modx"], scores)), len(FAMILY["modx"].variants))

    def test_what_builds_on_a_choice_waits_for_it(self):
        self.assertIsNone(plan.candidates(STREAMS[0], FAMILY["modx + interpolation"], {}))
        self.assertFalse([run for run in plan.due({}) if "method.interpolate" in dict(run.settings)])

    def test_configuration_of_a_run(self):
        run = run_of(STREAMS[0], 2, {"method.name": "modx", "method.replay.samples": 64, "train.lr": 2e-4})
        made = configuration(run, "first")
        self.assertEqual(made["method"], {"name": "modx", "replay": {"samples": 64}})
        self.assertEqual((made["train"]["seed"], made["initial"]), (2, {"checkpoint": "first"}))
        self.assertEqual(run.name, "clipart-2-modx-samples-64", "the rate is everybody's")
        self.assertFalse(run.from_first)
        self.assertTrue(run_of(STREAMS[0], 2, {"method.name": "modx"}).from_first)


if __name__ == "__main__":
    unittest.main(verbosity=2)
