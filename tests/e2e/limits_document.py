"""The cases of docs/limits.md, and what a test saw of them."""
import os
import re

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "limits.md")
EXIT_CODES = {"INVALID_ARGUMENT": 2, "NOT_FOUND": 3, "UNAVAILABLE": 4, "DEADLINE_EXCEEDED": 4,
              "FAILED_PRECONDITION": 5, "ALREADY_EXISTS": 5, "ABORTED": 5, "PERMISSION_DENIED": 5,
              "DATA_LOSS": 1, "RESOURCE_EXHAUSTED": 1, "INTERNAL": 1}


def sections():
    """Title -> its lines."""
    with open(DOCUMENT, encoding="utf-8") as file:
        parts = re.split(r"^#+ (.*)\n", file.read(), flags=re.MULTILINE)
    return {title: text.splitlines() for title, text in zip(parts[1::2], parts[2::2])}


def cases(section):
    """Case -> {column: cell} of the section's table, without back quotes around the cells."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in sections()[section] if line.startswith("|")]
    header = rows[0]
    assert header[0] == "case" and all(len(row) == len(header) for row in rows), (section, rows)
    return {row[0].strip("`"): {name: re.sub(r"^`(.*)`$", r"\1", cell) for name, cell in zip(header, row)}
            for row in rows[2:]}


class Seen:
    """Holds what happened against the rows of one section, each of which has to happen."""

    def __init__(self, test, section):
        self.test, self.section, self.rows, self.seen = test, section, cases(section), set()

    def check(self, case, code, reason, text, **values):
        """`code` None: the table has no such column. `values`: for the braces of the text."""
        row = self.rows[case]
        with self.test.subTest(case=case):
            self.seen.add(case)
            self.test.assertEqual(text, row["text"].format(**values))
            self.test.assertEqual(reason, row["reason"])
            if code is not None:
                self.test.assertEqual(code, row["code"])

    def check_command(self, case, result, **values):
        """`result` of Cluster.keel; the exit code stands for the code."""
        exit_code, _, err = result
        row = self.rows[case]
        lines = [line for line in err.splitlines() if line.startswith("keel: ")]
        line = lines[-1] if lines else err
        match = re.fullmatch(r"keel: (.*?)(?: \[([A-Z_]+)\])?", line, re.DOTALL)
        with self.test.subTest(case=case):
            self.test.assertIsNotNone(match, err)
            self.test.assertEqual(exit_code, EXIT_CODES[row["code"]], err)
        if match:
            self.check(case, None, match.group(2) or "", match.group(1), **values)

    def check_log(self, case, log, **values):
        """`log`: of a program that ended with an error."""
        match = re.search(r' code="?([A-Z_]+)"? reason="?([A-Z_]*)"? error=(?:"((?:[^"\\]|\\.)*)"|(\S+))\n$', log)
        with self.test.subTest(case=case):
            self.test.assertIsNotNone(match, log)
        if not match:
            return
        text = match.group(4) or re.sub(r"\\(.)", r"\1", match.group(3))
        self.check(case, match.group(1), match.group(2), text, **values)

    def finish(self):
        self.test.assertEqual(self.seen, set(self.rows), f"cases of \"{self.section}\"")
