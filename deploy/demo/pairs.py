"""Which pairs of a picture and a caption are trained and which are held out, so that nothing of those is trained. Pure.

A pair is a row (path of the picture, caption, digest of the picture's file).
"""
import hashlib
import os


def words(text):
    return " ".join((text or "").split())


def caption(title, keywords):
    """The title and up to four keywords that it does not contain."""
    further = []
    for keyword in keywords:
        if keyword and keyword.lower() not in title.lower() and keyword not in further:
            further.append(keyword)
    return words(" ".join([title] + further[:4]))


def once(pairs):
    """Of (source, caption) pairs with the same caption the first; none without a caption."""
    first = {}
    for source, text in pairs:
        if text:
            first.setdefault(text.lower(), (source, text))
    return list(first.values())


def hold_out(rows, count):
    """The `count` rows whose captions have the smallest digests."""
    return sorted(rows, key=lambda row: hashlib.sha256(row[1].encode()).digest())[:count]


def halves(rows, size):
    """2 * size held-out rows as {"choose": rows, "report": rows}, by a hash of the sample."""
    ranked = sorted(rows, key=lambda row: hashlib.sha256(f"half {row[2]} {row[1]}".encode()).digest())
    return {"choose": ranked[:size], "report": ranked[size:2 * size]}


def apart(rows, held):
    """The rows that have neither a caption nor a picture of one that is held out."""
    captions = {text.lower() for _, text, _ in held}
    pictures = {digest for _, _, digest in held}
    return [row for row in rows if row[1].lower() not in captions and row[2] not in pictures]


def write_list(out, name, rows):
    with open(os.path.join(out, name + ".tsv"), "w", encoding="utf-8") as file:
        file.writelines(f"{path}\t{text}\n" for path, text, _ in rows)
