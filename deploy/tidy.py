#!/usr/bin/env python3
"""clang-tidy (.clang-tidy) over the product's sources; `make tidy`.

Most of the time goes into headers, so the sources of a folder are read as one
file that includes them all; where names of two of them collide, in halves.

    deploy/tidy.py BUILD_FOLDER [FOLDER...]      default: every folder
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

PRODUCT = ("common/", "coordinator/", "worker/")
# Built for CUDA alone.
LEFT_OUT = {"worker/comm/nccl_communicator.cc"}
ERROR = "[clang-diagnostic-error"


def folders_of(build):
    """{folder: ([source], [compiler option])} of the product's sources."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    folders = {}
    for entry in commands:
        source = os.path.relpath(entry["file"])
        if not source.startswith(PRODUCT):
            continue
        sources, options = folders.setdefault(os.path.dirname(source), (set(), {}))
        sources.add(source)
        options.update(dict.fromkeys(options_of(shlex.split(entry["command"]))))
    return {folder: (sorted(sources), list(options))
            for folder, (sources, options) in sorted(folders.items())}


def missing_from(folders):
    """Sources of the product that no command compiles."""
    known = {source for sources, _ in folders.values() for source in sources}
    there = {os.path.join(top, name) for folder in PRODUCT
             for top, _, names in os.walk(folder) for name in names if name.endswith(".cc")}
    return sorted(there - known - LEFT_OUT)


def options_of(arguments):
    """Those that say what the headers are; each as one string."""
    plain = [a for a in arguments if a.startswith(("-D", "-I", "-std="))]
    return plain + ["-isystem" + folder for option, folder in zip(arguments, arguments[1:])
                    if option == "-isystem"]


def tidy(file, options):
    """What clang-tidy says of a file; empty if all is well."""
    done = subprocess.run(["clang-tidy-14", "--quiet", file, "--", "-Wno-everything", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode == 0:
        return ""
    return done.stdout or f"{file}: clang-tidy-14 ended with {done.returncode}\n"


def tidy_together(name, sources, options):
    with open(name + ".cc", "w", encoding="utf-8") as file:
        file.writelines(f'#include "{source}"\n' for source in sources)
    found = tidy(name + ".cc", options)
    if ERROR not in found or len(sources) == 1:
        return found
    half = len(sources) // 2
    return (tidy_together(name + "a", sources[:half], options)
            + tidy_together(name + "b", sources[half:], options))


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    folders = folders_of(build)
    if missing := missing_from(folders):
        sys.exit(f"{build} does not compile {', '.join(missing)}")
    folders = {folder: found for folder, found in folders.items()
               if not wanted or folder in wanted}
    if not folders:
        sys.exit(f"no sources of the product in {wanted}")
    jobs = int(os.environ.get("JOBS") or os.cpu_count())
    failures = 0
    scratch = os.path.join(build, "tidy")
    os.makedirs(scratch, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(tidy_together, os.path.join(scratch, folder.replace("/", "_")),
                            *found): folder
                for folder, found in folders.items()}
        for run in concurrent.futures.as_completed(runs):
            folder, found = runs[run], run.result()
            failures += bool(found)
            print(f"{'FAIL' if found else 'ok':6}{folder} ({len(folders[folder][0])} files)",
                  found, sep="\n" if found else "", flush=True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
