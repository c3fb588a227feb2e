"""Calls past the command line, by reflection; runs in the environment of `deploy/setup.sh client`."""
import hashlib
import os
import sys
import zlib

import grpc

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "docs", "examples"))
import reflection_client  # noqa: E402  pylint: disable=wrong-import-position

DETAILS = "grpc-status-details-bin"


class RawApi(reflection_client.Api):
    def header(self, stream, data, **fields):
        """The first message of an upload of `data`."""
        return self.message("keel.v1.SubmitChunkRequest", header={
            "stream": stream, "digest": hashlib.sha256(data).hexdigest(), "size_bytes": len(data),
            "display_name": "raw.tar", **fields})

    def frame(self, data, offset=0, **fields):
        return self.message("keel.v1.SubmitChunkRequest", frame={
            "offset": offset, "data": data, "crc32": zlib.crc32(data), **fields})

    def submit(self, *messages, **options):
        return self.call("keel.v1.StreamService", "SubmitChunk", iter(messages), **options)

    def begin_submit(self, messages):
        """A call that goes on while the caller does something else; it can be cancelled."""
        described = self.pool.FindServiceByName("keel.v1.StreamService").FindMethodByName("SubmitChunk")
        stub = self.channel.stream_unary(
            "/keel.v1.StreamService/SubmitChunk",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reflection_client.GetMessageClass(described.output_type).FromString)
        return stub.future(messages)

    def received(self, stream, data):
        """Bytes that are kept of an upload."""
        request = self.message("keel.v1.GetUploadRequest", stream=stream,
                               digest=hashlib.sha256(data).hexdigest())
        return self.call("keel.v1.StreamService", "GetUpload", request).received_bytes

    def refusal(self, call):
        """(code, reason, text) of a call that fails; the iterator of a stream is read to its end."""
        try:
            answer = call()
            if not hasattr(answer, "DESCRIPTOR"):
                list(answer)
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ()).get(DETAILS, b"")
            status = self.message("keel.v1.ErrorStatus")
            status.ParseFromString(details)
            info = self.message("keel.v1.ErrorInfo")
            if status.details:
                info.ParseFromString(status.details[0].value)
            return error.code().name, info.reason, error.details()
        raise AssertionError(f"was not refused: {answer}")
