#!/usr/bin/env python3
"""Makes the demo's image-caption lists from Debian's openclipart packages.

A caption is the picture's title plus up to four keywords that the title does
not contain (from the SVG's metadata). Transparent pixels become white, the
picture is padded to a square and scaled down. Of pictures with the same
caption the first one stays. 100 pictures of each domain are held out.

    prepare.py OUT       writes OUT/images/..., OUT/<domain>-{train,probe}.tsv
"""
import gzip
import hashlib
import multiprocessing
import os
import sys
import xml.etree.ElementTree as ElementTree

from PIL import Image

ROOT = "/usr/share/openclipart"
SIZE = 128
PROBES = 100
# One PNG of the package claims 623 million pixels.
MAX_PIXELS = 20_000_000
DOMAINS = {
    "1-signs": ["signs_and_symbols", "shapes", "geography", "computer"],
    "2-nature": ["animals", "plants", "food"],
    "3-people": ["people", "recreation"],
    "4-things": ["transportation", "buildings", "tools", "office", "electronics", "education"],
}
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
Image.MAX_IMAGE_PIXELS = None


def words(text):
    return " ".join((text or "").split())


def caption_of(svg_path):
    """Title and keywords of a picture, or None without a usable title."""
    opener = gzip.open if svg_path.endswith("z") else open
    try:
        with opener(svg_path, "rb") as file:
            root = ElementTree.fromstring(file.read())
    except (ElementTree.ParseError, OSError, EOFError):
        return None
    work = next((e for e in root.iter() if e.tag.endswith("}Work")), None)
    if work is None:
        return None
    title = words(work.findtext(DC + "title"))
    if not title:
        return None
    keywords = []
    for item in work.iter(RDF + "li"):
        keyword = words(item.text)
        if keyword and keyword.lower() not in title.lower() and keyword not in keywords:
            keywords.append(keyword)
    return words(" ".join([title] + keywords[:4]))


def pictures(domain):
    """(png, svg) paths of a domain, in a fixed order."""
    for folder in DOMAINS[domain]:
        for place, _, names in sorted(os.walk(os.path.join(ROOT, "png", folder))):
            for name in sorted(names):
                if not name.endswith(".png"):
                    continue
                png = os.path.join(place, name)
                stem = png[: -len(".png")].replace(ROOT + "/png", ROOT + "/svg", 1)
                svg = next((stem + e for e in (".svg", ".svgz", ".svg.gz")
                            if os.path.exists(stem + e)), None)
                if svg:
                    yield png, svg


def convert(job):
    """Writes one padded picture; False if it cannot be used."""
    png, out = job
    try:
        with Image.open(png) as image:
            if image.width * image.height > MAX_PIXELS:
                return False
            image = image.convert("RGBA")
        side = max(image.size)
        image.thumbnail((SIZE, SIZE), Image.BICUBIC)
        square = Image.new("RGB", (min(side, SIZE),) * 2, (255, 255, 255))
        place = ((square.width - image.width) // 2, (square.height - image.height) // 2)
        square.paste(image, place, image)
        square.save(out)
        return True
    except (OSError, ValueError):
        return False


def select(pool):
    """Domain -> list of (png, caption); each caption once over all domains."""
    seen, chosen = set(), {}
    for domain in DOMAINS:
        pairs = list(pictures(domain))
        captions = pool.map(caption_of, [svg for _, svg in pairs], chunksize=64)
        chosen[domain] = []
        for (png, _), caption in zip(pairs, captions):
            if caption and caption.lower() not in seen:
                seen.add(caption.lower())
                chosen[domain].append((png, caption))
    return chosen


def write_domain(pool, out, domain, pairs):
    folder = os.path.join(out, "images", domain)
    os.makedirs(folder, exist_ok=True)
    names = [f"{i:05d}.png" for i in range(len(pairs))]
    jobs = [(png, os.path.join(folder, name)) for (png, _), name in zip(pairs, names)]
    usable = pool.map(convert, jobs, chunksize=64)
    rows = [(f"{domain}/{name}", caption)
            for name, (_, caption), ok in zip(names, pairs, usable) if ok]
    held_out = set(sorted(rows, key=lambda row: hashlib.sha256(row[1].encode()).digest())[:PROBES])
    for part, keep in (("train", lambda row: row not in held_out),
                       ("probe", lambda row: row in held_out)):
        with open(os.path.join(out, f"{domain}-{part}.tsv"), "w", encoding="utf-8") as file:
            file.writelines(f"{path}\t{caption}\n" for path, caption in rows if keep((path, caption)))
    print(f"  {domain}: {len(rows) - len(held_out)} pairs to train, {len(held_out)} held out")


def main():
    out = sys.argv[1]
    with multiprocessing.Pool() as pool:
        for domain, pairs in select(pool).items():
            write_domain(pool, out, domain, pairs)


if __name__ == "__main__":
    main()
