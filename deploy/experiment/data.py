"""The experiment's streams: which pairs each domain trains, and two halves of those that it holds out.

clipart: the demo's, of Debian's clip art.
symbols: emoji (Noto's pictures; names and keywords of Unicode), then Tux Paint's stamps (photographs and drawings; the
first line of their descriptions).
"""
import multiprocessing
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "demo"))
import prepare  # noqa: E402
from pairs import apart, caption, halves, hold_out, once, words, write_list  # noqa: E402
from pictures import on_white, write_pictures  # noqa: E402

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
GLYPH = 109  # the only size of its pictures
EMOJI = "/usr/share/unicode/emoji/emoji-test.txt"
KEYWORDS = ["/usr/share/unicode/cldr/common/annotations/en.xml",
            "/usr/share/unicode/cldr/common/annotationsDerived/en.xml"]
STAMPS = "/usr/share/tuxpaint/stamps"
SYMBOLS = {
    "1-things": ["Objects", "Activities", "Symbols"],
    "2-world": ["Travel & Places", "Animals & Nature", "Food & Drink"],
    "3-people": ["Smileys & Emotion", "People & Body"],
    "4-stamps": [],
}
# Held out of each domain for each half.
HALF = {"clipart": 100, "symbols": 80}
DOMAINS = {"clipart": list(prepare.DOMAINS), "symbols": list(SYMBOLS)}
SETS = ("choose", "report")


def plain(text):
    """An emoji without variation selectors, as the keywords' files write it."""
    return text.replace("\ufe0f", "")


def keywords():
    """{emoji: [keyword]}"""
    found = {}
    for path in KEYWORDS:
        for note in ElementTree.parse(path).iter("annotation"):
            if note.get("type") != "tts":
                found[plain(note.get("cp"))] = [words(k) for k in note.text.split("|")]
    return found


def emoji(groups):
    """(emoji, caption) of each fully qualified emoji of the groups; of the skin tones only the neutral one."""
    known, group, pairs = keywords(), None, []
    with open(EMOJI, encoding="utf-8") as file:
        for line in file:
            if line.startswith("# group:"):
                group = line.split(":", 1)[1].strip()
            found = re.match(r"([0-9A-F ]+?) *; fully-qualified +# \S+ E[\d.]+ (.*)", line)
            if found and group in groups and "skin tone" not in found[2]:
                text = "".join(chr(int(code, 16)) for code in found[1].split())
                pairs.append((text, caption(found[2], known.get(plain(text), []))))
    return pairs


def draw_emoji(job):
    """Writes an emoji's picture; False if the font has none."""
    text, out = job
    font = ImageFont.truetype(FONT, GLYPH, layout_engine=ImageFont.Layout.RAQM)
    left, top, right, bottom = font.getbbox(text)
    if not 0 < right - left <= 1.5 * GLYPH:  # a sequence that is not one glyph
        return False
    image = Image.new("RGBA", (right - left, bottom - top), (255, 255, 255, 0))
    ImageDraw.Draw(image).text((-left, -top), text, font=font, embedded_color=True)
    on_white(image).save(out)
    return True


def stamps():
    """(png, caption) of each stamp; letters, which have no picture to describe, are left out."""
    pairs = []
    for place, _, names in sorted(os.walk(STAMPS)):
        for name in sorted(names):
            png = os.path.join(place, name[:-len(".txt")] + ".png")
            if name.endswith(".txt") and "alphabets" not in place and os.path.exists(png):
                with open(os.path.join(place, name), encoding="utf-8", errors="replace") as file:
                    pairs.append((png, words(file.readline())))
    return pairs


def rows_of(stream, pool, out):
    """{domain: rows}, their pictures written."""
    if stream == "clipart":
        return {domain: write_pictures(pool, out, domain, pairs)
                for domain, pairs in prepare.select(pool).items()}
    return {domain: write_pictures(pool, out, domain, once(emoji(groups)), draw_emoji) if groups
            else write_pictures(pool, out, domain, once(stamps()))
            for domain, groups in SYMBOLS.items()}


def write_stream(stream, out):
    """Writes OUT/images/..., OUT/<domain>-{train,choose,report}.tsv; {domain: {list: number of pairs}}."""
    with multiprocessing.Pool() as pool:
        rows = rows_of(stream, pool, out)
    held = {domain: hold_out(rows[domain], 2 * HALF[stream]) for domain in rows}
    all_held = [row for domain in rows for row in held[domain]]
    counts = {}
    for domain in rows:
        lists = dict(halves(held[domain], HALF[stream]), train=apart(rows[domain], all_held))
        for name, chosen in lists.items():
            write_list(out, f"{domain}-{name}", chosen)
        counts[domain] = {name: len(chosen) for name, chosen in lists.items()}
    return counts
