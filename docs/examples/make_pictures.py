#!/usr/bin/env python3
"""Draws captioned pictures, for trying Keel without pictures of one's own.

    docs/examples/make_pictures.py OUT DOMAIN COUNT [FIRST]

writes COUNT PNGs (64 x 64, from number FIRST) and the table captions.tsv into OUT. DOMAIN is
`shapes`, `stripes` or `dots`. The same arguments give the same bytes. Needs Python 3 alone.
"""
import os
import random
import struct
import sys
import zlib

SIZE = 64
COLOURS = {
    "red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 70, 220), "yellow": (240, 220, 40),
    "black": (20, 20, 20), "white": (245, 245, 245), "orange": (250, 140, 20), "pink": (250, 150, 190),
    "brown": (120, 75, 30), "grey": (130, 130, 130),
}


def png(pixels):
    """Bytes of an 8-bit RGB PNG; `pixels` are rows of triples."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in pixels)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def inside_shape(shape, dx, dy, radius):
    if shape == "circle":
        return dx * dx + dy * dy <= radius * radius
    if shape == "square":
        return max(abs(dx), abs(dy)) <= radius
    if shape == "cross":
        return min(abs(dx), abs(dy)) <= radius // 3 and max(abs(dx), abs(dy)) <= radius
    return -radius <= dy <= radius and 2 * abs(dx) <= dy + radius  # triangle


def shapes(draw, ink):
    shape = draw.choice(["circle", "square", "triangle", "cross"])
    side, centre = draw.choice([("left", 20), ("middle", 32), ("right", 44)])
    size, radius = draw.choice([("small", 8), ("large", 17)])
    height = draw.randrange(24, 40)
    return (f"a {size} {ink} {shape} on the {side}",
            lambda x, y: inside_shape(shape, x - centre, y - height, radius))


def stripes(draw, ink):
    way = draw.choice(["horizontal", "vertical", "diagonal"])
    width, period = draw.choice([("thin", 8), ("broad", 20)])
    offset = draw.randrange(period)
    along = {"horizontal": lambda x, y: y, "vertical": lambda x, y: x, "diagonal": lambda x, y: x + y}[way]
    return (f"{width} {way} {ink} stripes", lambda x, y: (along(x, y) + offset) % period < period // 2)


def dots(draw, ink):
    count = draw.randrange(1, 6)
    word = ["one", "two", "three", "four", "five"][count - 1]
    size, radius = draw.choice([("tiny", 3), ("big", 7)])
    places = [(x * 20 + 12, y * 20 + 12) for x in range(3) for y in range(3)]
    centres = draw.sample(places, count)
    return (f"{word} {size} {ink} dots",
            lambda x, y: any((x - a) ** 2 + (y - b) ** 2 <= radius * radius for a, b in centres))


def picture(domain, number):
    """(bytes of the PNG, caption) of a picture."""
    draw = random.Random(f"{domain} {number}")
    ink, paper = draw.sample(sorted(COLOURS), 2)
    caption, inside = {"shapes": shapes, "stripes": stripes, "dots": dots}[domain](draw, ink)
    shade = draw.randrange(-12, 13)
    paper_colour = tuple(min(255, max(0, value + shade)) for value in COLOURS[paper])
    pixels = [[COLOURS[ink] if inside(x, y) else paper_colour for x in range(SIZE)] for y in range(SIZE)]
    return png(pixels), f"{caption}, on {paper}"


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[2] not in ("shapes", "stripes", "dots"):
        sys.exit(__doc__)
    out, domain, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    first = int(sys.argv[4]) if len(sys.argv) == 5 else 0
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "captions.tsv"), "w", encoding="utf-8") as table:
        for number in range(first, first + count):
            data, caption = picture(domain, number)
            name = f"{domain}-{number:05d}.png"
            with open(os.path.join(out, name), "wb") as file:
                file.write(data)
            table.write(f"{name}\t{caption}\n")
    print(f"{count} pictures in {out}")


if __name__ == "__main__":
    main()
