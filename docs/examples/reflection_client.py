#!/usr/bin/env python3
"""Talks to a coordinator without generated code: everything is read from its reflection service.

    pip install -r docs/examples/requirements.txt    # in a virtual environment
    keel stream create news --config news.yaml
    docs/examples/reflection_client.py 127.0.0.1:7117 news shards/shard-000000.tar

Lists the services, checks the health, submits a shard to the stream, and watches the phase that it
becomes. Ends with 0 if the phase was published.
"""
import argparse
import hashlib
import os
import sys
import time
import zlib

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

FRAME_BYTES = 1 << 20  # as `keel` does; up to 4 MiB are taken


class Api:
    """The services and messages of a server, as it describes them."""

    def __init__(self, channel):
        self.channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)

    def services(self):
        return sorted(self.database.get_services())

    def methods(self, service):
        """None for what the server names without describing it: gRPC's built-in health service."""
        try:
            return [method.name for method in self.pool.FindServiceByName(service).methods]
        except KeyError:
            return None

    def message(self, name, /, **fields):
        return GetMessageClass(self.pool.FindMessageTypeByName(name))(**fields)

    def call(self, service, method, request, **options):
        """Calls a method; `request` is a message, or an iterator of them if the method takes a stream."""
        described = self.pool.FindServiceByName(service).FindMethodByName(method)
        kind = ("stream" if described.client_streaming else "unary") + "_" + (
            "stream" if described.server_streaming else "unary")
        stub = getattr(self.channel, kind)(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(described.output_type).FromString)
        return stub(request, **options)


def health(channel):
    """SERVING, NOT_SERVING, ... of the server as a whole."""
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(FRAME_BYTES):
            digest.update(data)
    return digest.hexdigest()


def chunk_messages(api, stream, path):
    """The header with the digest of all bytes, then frames in order, each with its checksum."""
    yield api.message("keel.v1.SubmitChunkRequest", header={
        "stream": stream, "digest": sha256(path), "size_bytes": os.path.getsize(path),
        "display_name": os.path.basename(path)})
    with open(path, "rb") as file:
        offset = 0
        while data := file.read(FRAME_BYTES):
            yield api.message("keel.v1.SubmitChunkRequest",
                              frame={"offset": offset, "data": data, "crc32": zlib.crc32(data)})
            offset += len(data)


def submit(api, stream, path):
    """The accepted chunk, once it is durable. The same bytes twice are one chunk."""
    return api.call("keel.v1.StreamService", "SubmitChunk", chunk_messages(api, stream, path)).chunk


def chunks(api, stream):
    """All chunks of a stream, page by page."""
    token = ""
    while True:
        request = api.message("keel.v1.ListChunksRequest", stream=stream, page_token=token)
        page = api.call("keel.v1.StreamService", "ListChunks", request, timeout=10)
        yield from page.chunks
        token = page.next_page_token
        if not token:
            return


def phase_of(api, chunk):
    """Number of the phase that the chunk became; waits until the stream's policy makes one."""
    while True:
        for listed in chunks(api, chunk.stream):
            if listed.digest == chunk.digest and listed.phase > 0:
                return listed.phase
        time.sleep(0.2)


def watch(api, stream, number):
    """The phase now and after each change, until it is over."""
    request = api.message("keel.v1.WatchPhaseRequest", stream=stream, number=number)
    for answer in api.call("keel.v1.PhaseService", "WatchPhase", request):
        yield answer.phase


def state_name(phase):
    return phase.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[phase.state].name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("coordinator", metavar="HOST:PORT")
    parser.add_argument("stream")
    parser.add_argument("shard", metavar="SHARD.tar")
    options = parser.parse_args()
    with grpc.insecure_channel(options.coordinator) as channel:
        api = Api(channel)
        for service in api.services():
            print(f"{service}: {', '.join(api.methods(service) or ['(not described)'])}")
        print(f"health: {health(channel)}")
        chunk = submit(api, options.stream, options.shard)
        print(f"chunk {chunk.number}: {chunk.samples.accepted_count} samples accepted, "
              f"{chunk.samples.rejected_count} rejected")
        for phase in watch(api, options.stream, phase_of(api, chunk)):
            print(f"phase {phase.number}: {state_name(phase)}, "
                  f"{phase.committed_step_count} of {phase.step_count} steps", flush=True)
    return 0 if state_name(phase) == "PUBLISHED" else 1


if __name__ == "__main__":
    sys.exit(main())
