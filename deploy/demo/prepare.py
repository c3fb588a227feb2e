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
import multiprocessing
import os
import sys
import xml.etree.ElementTree as ElementTree

from pairs import apart, caption, hold_out, once, words, write_list
from pictures import write_pictures

ROOT = "/usr/share/openclipart"
PROBES = 100
DOMAINS = {
    "1-signs": ["signs_and_symbols", "shapes", "geography", "computer"],
    "2-nature": ["animals", "plants", "food"],
    "3-people": ["people", "recreation"],
    "4-things": ["transportation", "buildings", "tools", "office", "electronics", "education"],
}
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"


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
    return caption(title, [words(item.text) for item in work.iter(RDF + "li")])


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


def select(pool):
    """Domain -> list of (png, caption); each caption once in a domain."""
    chosen = {}
    for domain in DOMAINS:
        found = list(pictures(domain))
        captions = pool.map(caption_of, [svg for _, svg in found], chunksize=64)
        chosen[domain] = once((png, text) for (png, _), text in zip(found, captions))
    return chosen


def main():
    out = sys.argv[1]
    with multiprocessing.Pool() as pool:
        rows = {domain: write_pictures(pool, out, domain, pairs)
                for domain, pairs in select(pool).items()}
    probes = {domain: hold_out(rows[domain], PROBES) for domain in rows}
    held = [row for domain in rows for row in probes[domain]]
    for domain in rows:
        train = apart(rows[domain], held)
        write_list(out, domain + "-probe", probes[domain])
        write_list(out, domain + "-train", train)
        print(f"  {domain}: {len(train)} pairs to train, {len(probes[domain])} held out")


if __name__ == "__main__":
    main()
