"""Shards with one fault each, written byte by byte."""
import io
import json
import os
import struct
import tarfile
import zlib

from cluster import png

HUGE = 24960  # pixels of a side: 623 megapixels


def good_png(number):
    """A picture that no other number gives."""
    return png(40, 40, struct.pack(">I", number)[1:] * 1600)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(whole):
    """One bit a pixel; with all its rows compressed if `whole`."""
    header = struct.pack(">IIBBBBB", HUGE, HUGE, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((HUGE // 8 + 1) * HUGE), 1) if whole else b""
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows)
            + png_chunk(b"IEND", b""))


def undecodable_png():
    """Its header is right, its pixels are none."""
    header = struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"no zlib stream")
            + png_chunk(b"IEND", b""))


def damaged_header_png():
    whole = bytearray(good_png(7))
    whole[20] ^= 1  # inside IHDR
    return bytes(whole)


def good_sample(number):
    name = f"good-{number:06d}"
    return [(name + ".png", good_png(number)), (name + ".txt", b"picture %d" % number)]


def tar_bytes(entries):
    """A tar of (path, bytes) pairs; None in place of the bytes makes a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for path, data in entries:
            info = tarfile.TarInfo(path)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            info.size = len(data or b"")
            tar.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def write_file(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def offsets(data):
    """Path -> place of the last such entry's data."""
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        return {member.name: member.offset_data for member in tar}


def good_shard(path, count, first):
    return write_file(path, tar_bytes([e for i in range(first, first + count) for e in good_sample(i)]))


def bad_samples(known):
    """Case of docs/limits.md -> the entries of one sample; `known` is a key that stands before."""
    picture, caption = good_png(1_000_000), b"a caption"
    text_only = {
        "image-missing": [("image-missing.txt", caption)],
        "caption-missing": [("caption-missing.png", picture)],
        "key-twice": [(known + ".png", picture), (known + ".txt", caption)],
        "image-twice": [("image-twice.png", picture), ("image-twice.jpg", picture),
                        ("image-twice.txt", caption)],
        "entry-link": [("entry-link.png", None), ("entry-link.txt", caption)],
    }
    images = {
        "image-huge": huge_png(whole=False), "image-bomb": huge_png(whole=True), "image-empty": b"",
        "image-unknown": b"GIF89a" + bytes(100), "image-header": damaged_header_png(),
        "image-bytes": picture + bytes((1 << 20) + 1 - len(picture)),
    }
    texts = {"caption-blank": b" \t\r\n", "caption-bytes": b"caf\xe9", "caption-long": b"c" * 10_000_000}
    jsons = {
        "caption-long-json": json.dumps({"caption": "c" * 65537}).encode(),
        "json-long": json.dumps({"caption": "c", "rest": "c" * 10_000_000}).encode()[:10_000_000],
        "json-broken": b"{\"caption\"", "json-number": b"{\"caption\": 7}",
        "captions-many": json.dumps({"captions": [f"caption {i}" for i in range(101)]}).encode(),
    }
    keys = {"key-bytes": "key-\udcff", "key-long": "k" * 600, "path-up": "../path-up",
            "path-root": "/etc/path-root"}
    return {
        **text_only,
        **{case: [(case + ".png", data), (case + ".txt", caption)] for case, data in images.items()},
        **{case: [(case + ".png", picture), (case + ".txt", data)] for case, data in texts.items()},
        **{case: [(case + ".png", picture), (case + ".json", data)] for case, data in jsons.items()},
        **{case: [(key + ".png", picture), (key + ".txt", caption)] for case, key in keys.items()},
    }


def bad_shards():
    """Case of docs/limits.md -> (the file's bytes, what its text names)."""
    entries = [e for i in range(4) for e in good_sample(2_000_000 + i)]
    whole = tar_bytes(entries)
    places = offsets(whole)
    second, last = entries[2][0], entries[-1][0]
    end = places[last] + 512  # its caption fills one block
    header = places[second] - 512
    damaged = bytearray(whole)
    damaged[header] ^= 1
    useless = [("a.png", good_png(1)), ("b.txt", b"a caption")]
    return {
        "tar-cut-inside": (whole[:places[second] + 10], {"offset": places[second] + 10, "entry": second}),
        "tar-cut-between": (whole[:end], {"offset": end, "entry": last}),
        "tar-cut-header": (whole[:header + 100], {"offset": header + 100, "entry": entries[1][0]}),
        "tar-none": (b"not a tar at all\n" * 100, {}),
        "tar-gzip": (b"\x1f\x8b\x08" + bytes(1000), {}),
        "tar-header": (bytes(damaged), {"offset": header, "entry": entries[1][0]}),
        "tar-joined": (whole + whole, {"offset": len(whole), "entry": last}),
        "chunk-useless": (tar_bytes(useless), {"key": "a"}),
        "chunk-samples": (tar_bytes([e for i in range(21) for e in good_sample(3_000_000 + i)]), {}),
    }
