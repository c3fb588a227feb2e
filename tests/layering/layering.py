"""The dependency rules (docs/design.md): which folder may use what.

Includes are followed through the tree's own headers, links through its own
targets. As a program it prints what breaks a rule and exits with 1.

    layering.py [--links FILE]     FILE: targets.txt of a build folder
"""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

TORCH = r"(ATen|torch|c10)/|nccl|cuda"
RPC = r"(grpcpp|grpc|google/protobuf)/|keel/(storage/)?v1/"
TORCH_TARGETS = r"keel_torch$|torch|c10|CUDA::"
RPC_TARGETS = r"keel_(storage_)?proto$|keel_grpc$|gRPC::|protobuf::"
TRAINING = ["worker/" + name for name in
            ("data", "model", "train", "drift", "comm", "checkpoint", "seam")]

# (what is held, folders or files, includes that are not allowed, targets that
# are not allowed: both match at the start)
RULES = [
    ("the coordinator and its tests use no LibTorch, CUDA or NCCL",
     ["coordinator", "tests/coordinator"], TORCH, TORCH_TARGETS),
    ("common uses no LibTorch", ["common"], TORCH, TORCH_TARGETS),
    ("the training half uses neither gRPC nor protobuf", TRAINING, RPC, RPC_TARGETS),
    ("the agent half uses no LibTorch", ["worker/agent", "worker/main.cc"], TORCH, TORCH_TARGETS),
    ("decoding uses no LibTorch", ["worker/data"], TORCH, TORCH_TARGETS),
    ("the seam uses neither half", ["worker/seam"], rf"worker/(?!seam/)|{TORCH}",
     rf"worker/(?!seam/)|{TORCH_TARGETS}"),
    ("the coordinator's core does no I/O",
     ["coordinator/core"], r"coordinator/(?!core/)|grpc|.*\.grpc\.pb\.h|sqlite3|"
     r"common/(clock|file|grpc|log|metrics|posix)",
     r"coordinator/(?!core/)|keel_(grpc|metrics)$|SQLite::"),
    ("coordinator and worker meet in proto/ and common/ only (coordinator)",
     ["coordinator"], r"worker/", r"worker/"),
    ("coordinator and worker meet in proto/ and common/ only (worker)",
     ["worker"], r"coordinator/", r"coordinator/"),
    ("common depends on neither", ["common"], r"(worker|coordinator)/", r"(worker|coordinator)/"),
    ("nothing but tests uses tests", ["common", "coordinator", "worker"], r"tests/", r"tests/"),
]


def sources_in(root, folder):
    """Paths of the C++ files of a folder (or of the one file), from the root."""
    if os.path.isfile(os.path.join(root, folder)):
        return [folder]
    return sorted(os.path.relpath(os.path.join(at, name), root)
                  for at, _, names in os.walk(os.path.join(root, folder))
                  for name in names if name.endswith((".h", ".cc", ".cu")))


def includes_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', file.read(), re.M)


def reached(start, next_of):
    """{name: the chain that leads to it} for all that `start` leads to."""
    chains, waiting = {}, [(start, [start])]
    while waiting:
        name, chain = waiting.pop()
        for following in next_of(name):
            if following not in chains:
                chains[following] = chain + [following]
                waiting.append((following, chains[following]))
    return chains


def bad_includes(root=ROOT):
    """Lines "rule: file > header > header" for each include that breaks one."""
    known = {}

    def next_of(path):
        if path not in known:
            own = os.path.isfile(os.path.join(root, path))
            known[path] = includes_of(root, path) if own else []
        return known[path]

    return [f"{title}: {' > '.join(chain)}"
            for title, folders, forbidden, _ in RULES
            for folder in folders
            for source in sources_in(root, folder)
            for name, chain in sorted(reached(source, next_of).items())
            if re.match(forbidden, name)]


def read_targets(path):
    """{target: (its folder, its kind, [what it links])} from lines of tabs."""
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    return {name: (folder, kind, links.split(";") if links else [])
            for name, folder, kind, links in rows}


def bad_links(targets):
    """Lines "rule: target > target" for each library whose links break one.

    Programs may join what libraries may not: keel-worker has both halves.
    """
    def next_of(name):
        return targets[name][2] if name in targets else []

    def known_as(name):
        return [name] + ([targets[name][0] + "/"] if name in targets else [])

    def inside(folder, of):
        return folder == of or folder.startswith(of + "/")

    return [f"{title}: {' > '.join(chain)}"
            for title, folders, _, forbidden in RULES
            for target, (folder, kind, _) in sorted(targets.items())
            if any(inside(folder, of) for of in folders)
            and (kind != "EXECUTABLE" or folder.startswith("tests/"))
            for name, chain in sorted(reached(target, next_of).items())
            if any(re.match(forbidden, text) for text in known_as(name))]


def main():
    found = bad_includes()
    if sys.argv[1:2] == ["--links"]:
        found += bad_links(read_targets(sys.argv[2]))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
