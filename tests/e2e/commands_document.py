"""The tables of docs/commands.md, made from what the programs say of themselves with --help.

As a program it prints them; KEEL_BIN is the folder of the programs.
"""
import os
import re
import subprocess

from cluster import BIN

PROGRAMS = ("keel", "keel-coordinator", "keel-worker")
# Meanings of positionals that say no more than the name.
PLAIN = ("Its name", "The stream", "The phase's number", "The worker")
OPTION = re.compile(r"(?P<name>\S+)(?: (?:TEXT|INT|FLOAT)(?::(?:\{(?P<choices>[^}]*)\}|[A-Z]+))?(?:=(?P<default>\S+))?)?"
                    r"(?P<many> \.\.\.)?(?: \(Env:(?P<env>\w+)\))?(?P<required> REQUIRED)?\s+(?P<text>[A-Z*a-z].*)")


def help_of(command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "KEEL_"))}
    return subprocess.run([os.path.join(BIN, command[0]), *command[1:], "--help"], capture_output=True, text=True,
                          timeout=60, check=True, env=dict(environment, HOME="~")).stdout


def section(text, title):
    """The entries of a part of the help, each on one line."""
    part = re.search(rf"^{title}:\n((?:  .*\n)*)", text, re.MULTILINE)
    return re.sub(r"\n {10,}", "  ", part.group(1)).splitlines() if part else []


def commands_below(command):
    yield command
    for line in section(help_of(command), "Subcommands"):
        yield from commands_below(command + [line.split()[0]])


def arguments(text):
    """Matches of OPTION: positionals, then options, without those that every program has."""
    found = [OPTION.fullmatch(line.strip()) for title in ("Positionals", "Options") for line in section(text, title)]
    assert all(found), text
    return [match for match in found if match["name"] not in ("-h,--help", "--version")]


def synopsis(command, text):
    """The command with what it cannot do without; positionals as its usage shows them."""
    usage = re.search(r"^Usage: .*?\[OPTIONS\] ?(.*)$", text, re.MULTILINE).group(1)
    needed = [match["name"] + ("" if match["name"] == "--verify" else " " + match["name"].strip("-").upper())
              for match in arguments(text) if match["required"] and match["name"].startswith("-")]
    return " ".join(command + ([usage] if usage and "SUBCOMMAND" not in usage else []) + needed)


def value(match):
    if match["required"]:
        return "required"
    default = f"`{match['default']}`" if match["default"] else ""
    choices = f" ({match['choices'].replace(',', ', ')})" if match["choices"] else ""
    env = f"`{match['env']}`, else " if match["env"] else ""
    return env + default + choices


def tables():
    """What the commands do, and what their arguments mean."""
    commands = ["| command | does |", "| --- | --- |"]
    rows = ["| command | argument | default | meaning |", "| --- | --- | --- | --- |"]
    for command in (command for program in PROGRAMS for command in commands_below([program])):
        text = help_of(command)
        if " SUBCOMMAND" not in text.splitlines()[1]:
            commands.append(f"| `{synopsis(command, text)}` | {text.splitlines()[0].rstrip('.')} |")
        for match in arguments(text):
            if match["text"] in PLAIN:
                continue
            name = match["name"] + ("..." if match["many"] else "")
            rows.append(f"| `{' '.join(command)}` | `{name}` | {value(match)} | {match['text']} |")
    return "\n".join(commands) + "\n", "\n".join(rows) + "\n"


if __name__ == "__main__":
    print("\n".join(tables()), end="")
