"""Reads what a coordinator stored, and recomputes its plans and proofs, from docs/formats/ alone.

Nothing here comes from Keel's own code: only Python's standard library and the documents.
"""
import hashlib
import json
import os
import sqlite3
import struct
import zlib

MASK = (1 << 64) - 1


def fields(message):
    """The fields of a serialized protobuf message: number -> list of values (int or bytes)."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            value = varint()
        elif kind == 2:
            size = varint()
            value, at = message[at:at + size], at + size
        else:  # 64 or 32 bits
            size = {1: 8, 5: 4}[kind]
            value, at = int.from_bytes(message[at:at + size], "little"), at + size
        found.setdefault(tag >> 3, []).append(value)
    return found


def one(message, number, default=0):
    return message.get(number, [default])[-1]


def packed(message, number):
    """The integers of a repeated field, which proto3 packs into one run of varints."""
    values = []
    for run in message.get(number, []):
        value, shift = 0, 0
        for byte in run:
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                values.append(value)
                value, shift = 0, 0
    return values


class State:
    """A coordinator's state folder."""

    def __init__(self, folder):
        self.folder = folder

    def table(self, name):
        """Key -> value; the checksum of each row is checked."""
        rows = {}
        with sqlite3.connect(f"file:{os.path.join(self.folder, 'coordinator.db')}?mode=ro", uri=True) as database:
            for key, value, checksum in database.execute(f"SELECT key, value, checksum FROM {name} ORDER BY key"):
                if zlib.crc32(name.encode() + key + value) != checksum:
                    raise ValueError(f"{name}: {key} does not match its checksum")
                rows[key.decode()] = value
        return rows

    def blob(self, digest):
        with open(os.path.join(self.folder, "blobs", "blobs", digest[:2], digest), "rb") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(f"blob {digest} has other bytes")
        return data


def safetensors_header(data):
    """(the JSON object of the header, place of the first byte of data)"""
    size, = struct.unpack_from("<Q", data)
    return json.loads(data[8:8 + size]), 8 + size


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def mix_key(*values):
    key = 0x6B65656C2D706C61
    for value in values:
        key = mix64(key ^ mix64(value & MASK))
    return key


def permuted(key, size, position):
    bits = (size - 1).bit_length()
    half = 1 if bits < 2 else (bits + 1) // 2
    mask = (1 << half) - 1
    while True:
        left, right = position >> half, position & mask
        for number in range(4):
            left, right = right, left ^ (mix64(right ^ mix_key(key, number)) & mask)
        position = left << half | right
        if position < size:
            return position


def part(total, index, count):
    """[begin, end) of part `index` of `count` near-equal parts; the larger ones come first."""
    base, larger = divmod(total, count)
    begin = index * base + min(index, larger)
    return begin, begin + base + (index < larger)


class Plan:
    """A phase's plan (keel.storage.v1.PhasePlan) with the indexes of its chunks."""

    def __init__(self, state, digest):
        plan = fields(state.blob(digest))
        self.phase, self.seed, self.epochs, self.batch = (one(plan, n) for n in (2, 3, 4, 5))
        drop_last, self.reservoir_size = one(plan, 6), one(plan, 13)
        self.count, self.step_count = one(plan, 8), one(plan, 9)
        self.samples = []  # (chunk digest, fields of the SampleIndex), by ordinal: planned ones, replayed ones
        self.own, self.reservoir = set(), set()  # (chunk digest, ordinal in the index)
        for chunk in map(fields, plan[7] + plan.get(12, [])):
            left_out = set(packed(chunk, 6) + packed(chunk, 7))
            index = fields(state.blob(one(chunk, 2).decode()))
            trained = [i for i in range(len(index[2])) if i not in left_out]
            self.add(chunk, index, trained)
            self.own |= {(one(chunk, 1).decode(), i) for i in trained}
        for chunk in map(fields, plan.get(15, [])):
            self.add(chunk, fields(state.blob(one(chunk, 2).decode())), packed(chunk, 5))
            self.reservoir |= {(one(chunk, 1).decode(), i) for i in packed(chunk, 5)}
        self.replayed = min(len(self.reservoir), one(plan, 14))
        self.per_epoch = self.count // self.batch if drop_last else -(-self.count // self.batch)
        self.rows_per_epoch = self.per_epoch * self.batch if drop_last else self.count

    def add(self, chunk, index, ordinals):
        self.samples += [(one(chunk, 1).decode(), fields(index[2][i])) for i in ordinals]

    def rows(self, step):
        """(epoch, planned ordinal, position of the caption) of each row of a step, in order."""
        epoch, place = divmod(step, self.per_epoch)
        order = mix_key(1, self.seed, self.phase, epoch)
        for position in range(*part(self.rows_per_epoch, place, self.per_epoch)):
            sample = permuted(order, self.count, position)
            yield epoch, sample, self.caption(epoch, sample)
        if self.replayed:
            lap, place = divmod(step, len(self.reservoir) // self.replayed)
            order = mix_key(6, self.seed, self.phase, lap)
            for position in range(place * self.replayed, (place + 1) * self.replayed):
                sample = self.count + permuted(order, len(self.reservoir), position)
                yield epoch, sample, self.caption(epoch, sample)

    def caption(self, epoch, sample):
        return mix_key(2, self.seed, epoch, sample) % len(self.samples[sample][1][8])


def reservoir(seed, size, candidates):
    """The (chunk digest, ordinal) that a reservoir keeps, out of those."""
    def key(candidate):
        digest, ordinal = candidate
        words = struct.unpack("<2Q", digest[:16].encode())
        return mix_key(5, seed, *words, ordinal)
    return set(sorted(candidates, key=key)[:size])


def row_hash(seed, phase, epoch, sample, image_digest, caption_digest):
    """(low, high) of one row; the digests are 16 bytes."""
    key = mix_key(3, seed, phase)
    words = struct.unpack("<4Q", image_digest + caption_digest)
    return tuple(mix_key(key, half, epoch, sample, *words) for half in (0, 1))


def is_probe(image_digest, fraction):
    draw = mix_key(4, int.from_bytes(image_digest[:8], "little"))
    return (draw >> 11) * 2.0 ** -53 < fraction
