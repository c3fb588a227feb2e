"""The limits that docs/limits.md states, against the programs' own help and docs/training.md."""
import os
import re
import subprocess
import unittest

from cluster import BIN
from limits_document import DOCUMENT, sections

UNITS = {"s": 1, "min": 60, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def number(text):
    """The first number of a cell or a value, in seconds or bytes."""
    digits, unit = re.match(r"([\d,.]*\d) ?(s|min|KiB|MiB|GiB)?\b", text).groups()
    return float(digits.replace(",", "")) * UNITS.get(unit, 1)


def rows(title, width):
    cells = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in sections()[title] if line.startswith("|")]
    return [row for row in cells[2:] if len(row) == width]


def help_of(program):
    done = subprocess.run([os.path.join(BIN, program), "--help"], capture_output=True, text=True, check=True)
    return done.stdout


class LimitsDocumentTest(unittest.TestCase):
    def test_defaults_of_flags_are_those_of_the_programs(self):
        stated = [(default, where) for title in ("The coordinator", "Workers and `keel`")
                  for _, default, where, _ in rows(title, 4) if "--" in where]
        self.assertEqual(len(stated), 10)
        for default, where in stated:
            *program, flag = where.strip("`").split()
            text = help_of(program[0] if program else "keel-coordinator")
            value = re.search(re.escape(flag) + r" [A-Z:]+=(\S+)", text)
            with self.subTest(where=where):
                self.assertEqual(number(value.group(1)), number(default))

    def test_limits_of_data_are_those_of_the_configuration(self):
        with open(os.path.join(os.path.dirname(DOCUMENT), "training.md"), encoding="utf-8") as file:
            reference = dict(re.findall(r"^\| `(limits\.\w+)` \| `(\S+)` \|", file.read(), re.MULTILINE))
        stated = {row[0].strip("`"): row[1] for row in rows("Data", 3) if row[0].startswith("`limits.")}
        self.assertEqual(set(stated), set(reference))
        for key, default in reference.items():
            with self.subTest(key=key):
                self.assertEqual(number(stated[key]), number(default))


if __name__ == "__main__":
    unittest.main(verbosity=2)
