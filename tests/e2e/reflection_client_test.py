"""The example client, and through it the API as a client without generated code sees it.

Runs in the environment that `deploy/setup.sh client` makes.
"""
import glob
import os
import re
import subprocess
import sys
import unittest

import grpc

from cluster import Cluster

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EXAMPLES = os.path.join(ROOT, "docs", "examples")
sys.path.insert(0, EXAMPLES)
import reflection_client  # noqa: E402  pylint: disable=wrong-import-position


def declared_services():
    """Service -> methods, as the proto files declare them."""
    services = {}
    for path in glob.glob(os.path.join(ROOT, "proto", "keel", "v1", "*.proto")):
        with open(path, encoding="utf-8") as file:
            for name, body in re.findall(r"^service (\w+) \{(.*?)^\}", file.read(), re.MULTILINE | re.DOTALL):
                services["keel.v1." + name] = re.findall(r"^  rpc (\w+)", body, re.MULTILINE)
    return services


class ReflectionClientTest(unittest.TestCase):
    def test_example_lists_services_and_sees_its_chunk_published(self):
        with Cluster(workers=1) as cluster:
            cluster.create_stream("news", epochs=2)
            done = subprocess.run(
                [sys.executable, os.path.join(EXAMPLES, "reflection_client.py"),
                 f"127.0.0.1:{cluster.port}", "news", cluster.pack("a", 60)],
                capture_output=True, text=True, timeout=300, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr + cluster.logs())
        lines = done.stdout.splitlines()
        listed = dict(line.split(": ", 1) for line in lines if line.startswith("keel.v1."))
        declared = declared_services()
        self.assertIn("keel.v1.StreamService", declared)
        self.assertEqual({name: methods.split(", ") for name, methods in listed.items()}, declared)
        self.assertTrue(any(line.startswith("grpc.health.v1.Health: ") for line in lines), lines)
        self.assertIn("health: SERVING", lines)
        self.assertIn("chunk 1: 60 samples accepted, 0 rejected", lines)
        self.assertRegex(lines[-1], r"^phase 1: PUBLISHED, (\d+) of \1 steps$")

    def test_api_answers_a_foreign_client_as_documented(self):
        with Cluster(workers=0) as cluster:
            cluster.create_stream("news")
            shard = cluster.pack("a", 20)
            with grpc.insecure_channel(f"127.0.0.1:{cluster.port}") as channel:
                api = reflection_client.Api(channel)
                self.check_refusals(api, shard)
                first = reflection_client.submit(api, "news", shard)
                again = api.call("keel.v1.StreamService", "SubmitChunk",
                                 reflection_client.chunk_messages(api, "news", shard))
                self.assertTrue(again.duplicate)
                self.assertEqual(again.chunk.digest, first.digest)
                self.assertEqual([chunk.number for chunk in reflection_client.chunks(api, "news")], [1])

    def check_refusals(self, api, shard):
        with self.assertRaises(grpc.RpcError) as unknown:
            reflection_client.submit(api, "no-such-stream", shard)
        self.assertEqual(unknown.exception.code(), grpc.StatusCode.NOT_FOUND)
        messages = list(reflection_client.chunk_messages(api, "news", shard))
        messages[1].frame.crc32 ^= 1
        with self.assertRaises(grpc.RpcError) as damaged:
            api.call("keel.v1.StreamService", "SubmitChunk", iter(messages))
        self.assertEqual(damaged.exception.code(), grpc.StatusCode.DATA_LOSS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
