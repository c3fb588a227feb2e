#!/usr/bin/env python3
"""Makes the demo's image-caption lists from Debian's openclipart packages.

A caption is the picture's title plus up to four keywords that the title does
not contain (from the SVG's metadata). Transparent pixels become white, the
picture is padded to a square and scaled down. Of a domain's pictures with the
same caption the first one stays. 100 pictures of each domain are held out; what
has the caption or the pixels of one of them is trained in no domain.

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
    """Domain -> list of (png, caption); each caption once in a domain."""
    chosen = {}
    for domain in DOMAINS:
        seen = set()
        pairs = list(pictures(domain))
        captions = pool.map(caption_of, [svg for _, svg in pairs], chunksize=64)
        chosen[domain] = []
        for (png, _), caption in zip(pairs, captions):
            if caption and caption.lower() not in seen:
                seen.add(caption.lower())
                chosen[domain].append((png, caption))
    return chosen


def write_pictures(pool, out, domain, pairs):
    """Writes a domain's pictures; list of (path, caption, digest of the file)."""
    folder = os.path.join(out, "images", domain)
    os.makedirs(folder, exist_ok=True)
    paths = [f"{domain}/{i:05d}.png" for i in range(len(pairs))]
    files = [os.path.join(out, "images", path) for path in paths]
    usable = pool.map(convert, zip([png for png, _ in pairs], files), chunksize=64)
    rows = []
    for path, file_name, (_, caption), ok in zip(paths, files, pairs, usable):
        if ok:
            with open(file_name, "rb") as file:
                rows.append((path, caption, hashlib.sha256(file.read()).hexdigest()))
    return rows


def hold_out(rows):
    """The PROBES rows whose captions have the smallest digests."""
    return sorted(rows, key=lambda row: hashlib.sha256(row[1].encode()).digest())[:PROBES]


def write_list(out, name, rows):
    with open(os.path.join(out, name + ".tsv"), "w", encoding="utf-8") as file:
        file.writelines(f"{path}\t{caption}\n" for path, caption, _ in rows)


def main():
    out = sys.argv[1]
    with multiprocessing.Pool() as pool:
        rows = {domain: write_pictures(pool, out, domain, pairs)
                for domain, pairs in select(pool).items()}
    probes = {domain: hold_out(rows[domain]) for domain in rows}
    captions = {caption.lower() for held in probes.values() for _, caption, _ in held}
    pictures_held = {digest for held in probes.values() for _, _, digest in held}
    for domain in rows:
        train = [row for row in rows[domain]
                 if row[1].lower() not in captions and row[2] not in pictures_held]
        write_list(out, domain + "-probe", probes[domain])
        write_list(out, domain + "-train", train)
        print(f"  {domain}: {len(train)} pairs to train, {len(probes[domain])} held out")


if __name__ == "__main__":
    main()
