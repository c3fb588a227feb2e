"""The documents tell the truth: their commands are run as they stand, in order; every command that they mention parses;
links lead somewhere.

A block fenced as `sh` is a list of commands. One fenced as `console` has commands behind `$ ` and what they printed: each
word of it (letters only, no numbers) has to be printed again. Other blocks are not run. A command that is to fail says so:
`# exits with N`.
"""
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import commands_document
from cluster import BIN, TIED, free_ports, write_pictures

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

# Small enough for CPUs that do something else as well.
SMALL_MODEL = ("{embed_dim: 32, vision: {image_size: 32, patch_size: 16, width: 64, layers: 2, heads: 2}, "
               "text: {context_length: 16, width: 64, layers: 2, heads: 2}}")

# What is run in place of what stands there, and why.
SUBSTITUTIONS = [
    # Other ports, so that a cluster of the machine's user is not met; it ends when the shell does.
    (r"\bkeel up\b", "setpriv --pdeathsig TERM keel up --port {port} --metrics-port {metrics_port}"),
    (r"127\.0\.0\.1:7117", "127.0.0.1:{port}"),
    # A small model and fewer epochs, for time.
    (r"\{preset: tiny\}", SMALL_MODEL),
    (r"epochs: \d+", "epochs: 3"),
    # On a busy machine a start takes longer.
    (r"sleep 5\b", "sleep 5; for i in $(seq 60); do keel worker list >/dev/null 2>&1 && break; sleep 1; done"),
]

# Shown words that a run with these does not print.
OTHERWISE = {"tiny"}

# Commands that are not run, and why.
NOT_RUN = [
    (r"^make ", "builds the tree, as the build of this test has done"),
    (r"^git clone ", "fetches the tree"),
    (r"^sudo ", "changes the machine"),
    (r"^pip install ", "installs packages: `make parity` loads a checkpoint in open_clip"),
    (r"^python3 (look|load)\.py", "needs open_clip, which `make parity` installs and compares with"),
]

# Words that commands have to print where a document shows no output: (document, command starts with, words).
PROMISED = [
    ("docs/operations.md", "keel stream list", ["news"]),
    ("docs/operations.md", "keel-coordinator --state-dir tried", ["accept-chunk:before", "publish:after"]),
]

DOCUMENTS = ["README.md", "CONTRIBUTING.md"] + sorted(
    os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def blocks(text):
    """(language, body) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(language, body):
    """[command, the output shown] of a block; here-documents and continued lines stay in one piece."""
    found, end = [], None
    for line in body.splitlines():
        if language == "console" and end is None:
            if line.startswith("$ "):
                line = line[2:]
            elif found and line.startswith("> "):
                found[-1][0] += "\n" + line[2:]
                continue
            else:
                found[-1][1] += line + "\n"
                continue
        if end is not None or (found and found[-1][0].endswith("\\")):
            found[-1][0] += "\n" + line
            end = None if line == end else end
        elif line.strip() and not line.startswith("#"):
            found.append([line, ""])
            start = re.search(r"<<'?(\w+)'?", line)
            end = start.group(1) if start else None
    return found


def words(text):
    """What stays the same from run to run: words without digits; a line of dots stands for lines left out."""
    return set(re.findall(r"(?<![\w.@/-])[A-Za-z_]{3,}(?![\w@/-])", text))


class Shell:
    """One bash, in a folder of its own, that is given commands one by one, as a reader would."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="keel-docs-")
        self.count = 0
        os.makedirs(self.path("build", "cpu"))
        os.symlink(os.path.abspath(BIN), self.path("build", "cpu", "bin"))
        for name in ("docs", "deploy"):
            os.symlink(os.path.join(ROOT, name), self.path(name))
        port = free_ports(6)
        self.ports = {"port": port, "metrics_port": port + 1}
        environment = dict(os.environ, HOME=self.folder, KEEL_COORDINATOR=f"127.0.0.1:{port}",
                           PATH=os.path.abspath(BIN) + ":" + os.environ["PATH"])
        environment.pop("XDG_STATE_HOME", None)
        self.bash = subprocess.Popen(  # pylint: disable=consider-using-with
            [*TIED, "bash"], stdin=subprocess.PIPE, cwd=self.folder, env=environment, text=True, start_new_session=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def run(self, command, timeout=300):
        """(exit code, what was printed)"""
        self.count += 1
        script, out, code = (self.path(f".{self.count}.{kind}") for kind in ("sh", "out", "code"))
        for pattern, replacement in SUBSTITUTIONS:
            for name, value in self.ports.items():
                replacement = replacement.replace("{%s}" % name, str(value))
            command = re.sub(pattern, lambda _, text=replacement: text, command)
        with open(script, "w", encoding="utf-8") as file:
            file.write(command + "\n")
        self.bash.stdin.write(f". {script} >{out} 2>&1 </dev/null; echo $? >{code}.new; mv {code}.new {code}\n")
        self.bash.stdin.flush()
        end = time.monotonic() + timeout
        while not os.path.exists(code):
            if time.monotonic() > end or self.bash.poll() is not None:
                raise AssertionError(f"{command}\ndid not end; it printed\n{self.text(out)}{self.logs()}")
            time.sleep(0.05)
        return int(self.text(code)), self.text(out)

    def text(self, path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def logs(self):
        """The last lines of every log of the clusters that were started."""
        return "".join(f"--- {name}\n" + "\n".join(self.text(name).splitlines()[-15:]) + "\n"
                       for name in glob.glob(self.path("**", "*.log"), recursive=True))

    def close(self):
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self.bash.communicate("jobs -p | xargs -r kill; wait\n", timeout=60)  # `keel up` drains its workers
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.bash.pid, signal.SIGKILL)  # what a command left that did not end
        self.bash.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class CommandsTest(unittest.TestCase):
    """One test for each document that has commands to run."""

    def run_document(self, name, shell):
        ran = 0
        for language, body in blocks(read(name)):
            for command, shown in commands(language, body) if language in ("sh", "console") else []:
                if any(re.search(pattern, command) for pattern, _ in NOT_RUN):
                    continue
                code, printed = shell.run(command)
                due = re.search(r"# exits with (\d+)", command)
                self.assertEqual(code, int(due.group(1)) if due else 0,
                                 f"{name}: {command}\n{printed}{shell.logs()}")
                missing = words(shown) - words(printed) - OTHERWISE
                missing |= {word for document, start, promised in PROMISED for word in promised
                            if document == name and command.startswith(start) and word not in printed}
                self.assertFalse(missing, f"{name}: {command}\ndid not print {sorted(missing)}, but\n{printed}")
                ran += 1
        return ran

    def test_quickstart(self):
        shell = Shell()
        self.addCleanup(shell.close)
        self.assertGreater(self.run_document("docs/quickstart.md", shell), 8)

    def test_tutorial(self):
        shell = Shell()
        self.addCleanup(shell.close)
        self.assertGreater(self.run_document("docs/tutorial.md", shell), 30)

    def test_operations(self):
        shell = Shell()
        self.addCleanup(shell.close)
        # The cluster of the reader: a stream with a chunk in it.
        write_pictures(shell.path("photos"), 40)
        for command in ('keel up --workers 0 --state-dir "$PWD/state" >up.log & sleep 5',
                        "keel pack --images photos --captions photos/captions.tsv --out shards",
                        "echo 'phase: {policy: manual}' >news.yaml; keel stream create news --config news.yaml",
                        "keel submit news shards/shard-000000.tar", "kill %1 && wait %1"):
            code, printed = shell.run(command)
            self.assertEqual(code, 0, command + printed)
        self.assertGreater(self.run_document("docs/operations.md", shell), 8)
        code, printed = shell.run('keel up --workers 0 --state-dir "$PWD/backup" >up.log & sleep 5; keel stream show news')
        self.assertEqual(code, 0, printed)
        self.assertRegex(printed, "1 chunks, 40 samples")


def mentioned_commands():
    """(document, command line) of each line of ours in a block or in inline code."""
    for name in DOCUMENTS:
        text = read(name)
        for language, body in blocks(text):
            for line in re.sub(r"\\\n\s*", " ", body).splitlines():
                for part in re.split(r"&&|;|\||&(?= |$)", line.split(" #")[0].removeprefix("$ ")):
                    if re.match(r"\s*(keel|keel-worker|keel-coordinator) [a-z-]", part):
                        yield name, part.strip()
        for code in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
            if re.match(r"(keel|keel-worker|keel-coordinator) [a-z-]", code):
                yield name, code


class FilesTest(unittest.TestCase):
    def help_of(self, words_of_command, cache={}):  # pylint: disable=dangerous-default-value
        key = tuple(words_of_command)
        if key not in cache:
            cache[key] = subprocess.run([os.path.join(BIN, key[0]), *key[1:], "--help"], capture_output=True, text=True,
                                        timeout=60, check=True).stdout
        return cache[key]

    def check_command(self, line):
        """None, or what of the command does not exist."""
        tokens = line.split()
        command, rest = tokens[:1], tokens[1:]
        while rest and not rest[0].startswith("-"):
            listed = self.help_of(command).split("Subcommands:")
            names = re.findall(r"^  ([a-z-]+) ", listed[1], re.MULTILINE) if len(listed) > 1 else []
            alternatives = rest[0].strip(".,:()").split("|")
            if not names:
                break
            if not set(alternatives) <= set(names):
                # keel-worker and keel-coordinator may be run without a subcommand.
                return f"no subcommand {rest[0]}" if command[0] == "keel" else None
            command, rest = command + alternatives[:1], rest[1:]
        known = self.help_of(command) + self.help_of(command[:1])
        for option in re.findall(r"(?<!\S)\[?(--?[a-z][a-z-]*)", " ".join(rest)):
            if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known):
                return f"no option {option}"
        return None

    def test_every_command_that_is_mentioned_parses(self):
        mentioned = list(mentioned_commands())
        self.assertGreater(len(mentioned), 60)
        wrong = [(name, line, problem) for name, line in mentioned if (problem := self.check_command(line))]
        self.assertEqual(wrong, [])
        self.assertEqual(self.check_command("keel phase forget news"), "no subcommand forget")
        self.assertEqual(self.check_command("keel submit news --prob"), "no option --prob")

    def commands_below(self, command):
        yield command
        listed = self.help_of(command).split("Subcommands:")
        for name in re.findall(r"^  ([a-z-]+) ", listed[1], re.MULTILINE) if len(listed) > 1 else []:
            yield from self.commands_below(command + [name])

    def test_help_describes_every_option_and_shows_its_default(self):
        described = 0
        for program in ("keel", "keel-worker", "keel-coordinator"):
            for command in self.commands_below([program]):
                text = re.split("\nSubcommands:|\nExit codes:", self.help_of(command))[0]
                # An option's line, and those below it that are indented further.
                for option in re.findall(r"^  (\S.*(?:\n {4,}.*)*)", text, re.MULTILINE):
                    self.assertRegex(option, r"(?s)^\S+( (?:TEXT|INT|FLOAT)\S*)?( \.\.\.)?( \(Env:\w+\))?( REQUIRED)?\s{1,}[A-Z*]",
                                     f"{command}: no description")
                    described += 1
                for option in re.findall(r"^  --\S+ (?:INT|FLOAT)\S*", text, re.MULTILINE):
                    self.assertTrue(re.search("=|POSITIVE|NONNEGATIVE", option), f"{command}: {option} hides its default")
        self.assertGreater(described, 60)

    def test_tables_of_commands_are_what_help_says(self):
        for table in commands_document.tables():
            self.assertIn(table, read("docs/commands.md"))

    def test_links_lead_somewhere(self):
        wrong = []
        for name in DOCUMENTS:
            text = re.sub(r"^```.*?^```", "", read(name), flags=re.MULTILINE | re.DOTALL)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"https?:", target):
                    continue
                path, _, anchor = target.partition("#")
                file = os.path.normpath(os.path.join(ROOT, os.path.dirname(name), path)) if path else os.path.join(
                    ROOT, name)
                if not os.path.exists(file) or (anchor and anchor not in self.anchors(file)):
                    wrong.append((name, target))
        self.assertEqual(wrong, [])

    def anchors(self, path):
        with open(path, encoding="utf-8") as file:
            heads = re.findall(r"^#+ (.+)$", file.read(), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}

    def test_every_path_of_the_tree_that_is_mentioned_exists(self):
        tops = "|".join(("common", "coordinator", "worker", "proto", "tests", "deploy", "docs", "cmake"))
        wrong = []
        for name in DOCUMENTS:
            for path in re.findall(rf"`((?:{tops})/[\w./*{{}},-]*)`", read(name)):
                for choice in self.alternatives(path):
                    place = os.path.join(ROOT, re.sub(r"/[A-Z_]+$", "/*", choice))  # TARGET: any
                    if not glob.glob(place) and not glob.glob(place + ".*"):
                        wrong.append((name, path))
        self.assertEqual(wrong, [])

    def alternatives(self, path):
        braces = re.search(r"\{([^}]*)\}", path)
        if not braces:
            return [path]
        return [path[:braces.start()] + choice + path[braces.end():] for choice in braces.group(1).split(",")]

    def test_every_document_can_be_reached_from_the_readme(self):
        reached, waiting = set(), ["README.md"]
        while waiting:
            name = waiting.pop()
            if name in reached:
                continue
            reached.add(name)
            for target in re.findall(r"\]\(([^)\s#]+\.md)", read(name)):
                waiting.append(os.path.normpath(os.path.join(os.path.dirname(name), target)))
            if "](docs/decisions/)" in read(name):
                waiting += [d for d in DOCUMENTS if d.startswith("docs/decisions/")]
        self.assertEqual(set(DOCUMENTS) - reached, set())

    def test_units_of_systemd_are_valid(self):
        with tempfile.TemporaryDirectory(prefix="keel-units-") as folder:
            for name in ("keel-coordinator.service", "keel-worker@.service"):
                unit = read(os.path.join("deploy", "systemd", name)).replace("/usr/local/bin", os.path.abspath(BIN))
                line = re.search(r"^ExecStart=\S*/(keel-\S+.*)$", unit, re.MULTILINE).group(1)
                self.assertIsNone(self.check_command(line))
                path = os.path.join(folder, name.replace("@", "@0"))
                with open(path, "w", encoding="utf-8") as file:
                    file.write(unit)
                done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=60,
                                      check=False)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
