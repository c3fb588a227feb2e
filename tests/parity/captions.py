"""Captions in many scripts, made from a seed, for tokens_and_images.py."""
import html.entities
import random
import unicodedata

BLOCK = 128
# Blanks, and what Unicode or ftfy take for such.
BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
# What a caption may hold and nobody sees; NUL to C1, joiners, marks of direction.
CONTROLS = "".join(map(chr, [*range(9), *range(14, 28), *range(0x7F, 0xA0)])) \
    + "\xad\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\u206a\ufeff\ufff9\ufffc\ufffd"
# Letters whose case is no matter of one letter and another.
CASES = "İIıißẞΣσςſKKÅÅǅǈǋǲŉǰΐΰևẖẗẘẙẚᾳᾼῃῌῳῼὈὍԱᏣꭰႠⴀᲐℵⅧⓐⒶ𐐀𐐨"
EMOJI = ["😀", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "👍🏽", "🇩🇪", "1\ufe0f\u20e3", "❤\ufe0f", "🧑🏿\u200d🚀", "☂", "🫠",
         "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿§¶°±×÷€£¥©®™…–—“”‘’„‚‹›«»•†‡‰№¹²³½¼Ⅳ①٣४๕五"
ENGLISH = "a photo of the red dog it's we're I'll they've he'd I'm don't 'S 'T rock'n'roll 3.14 2,718 COVID-19".split()


def blocks():
    """Assigned characters, 128 code points at a time; of huge scripts a few."""
    found = []
    for start in range(0, 0xE0200, BLOCK):
        characters = [chr(c) for c in range(start, start + BLOCK)
                      if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co", "Cc")]
        huge = 0x3400 <= start < 0x9F80 or 0xAC00 <= start < 0xD780 or 0x12000 <= start < 0x19000 or start >= 0x20000
        if characters and not (huge and start // BLOCK % 16):
            found.append(characters)
    return found


def word(rng, characters):
    return "".join(rng.choice(characters) for _ in range(rng.randint(1, 9)))


def of_block(rng, characters):
    return " ".join(word(rng, characters) for _ in range(rng.randint(1, 6)))


def of_marks(rng, marks, letters):
    """Letters under several combining marks, in any order."""
    return "".join(rng.choice(letters) + "".join(rng.choices(marks, k=rng.randint(0, 4)))
                   + rng.choice(["", "", " "]) for _ in range(rng.randint(2, 14)))


def reference(rng, depth=0):
    """An HTML reference: named or numeric, with or without its semicolon, also of a reference."""
    name = rng.choice(list(html.entities.html5)).rstrip(";")
    number = rng.choice([rng.randint(0, 0x2FF), rng.randint(0, 0x2FFFF), rng.randint(0x80, 0x9F), 0xD800, 0x110000])
    text = rng.choice(["&" + name, "&" + name.upper(), f"&#{number}", f"&#x{number:x}", f"&#X{number:X}"])
    text += rng.choice([";", ";", ";", "", " ", ";;"])
    if depth < 3 and rng.random() < 0.4:
        return text.replace("&", rng.choice(["&amp;", "&#38;", "&AMP;", "&amp", "&#x26;"])) + reference(rng, depth + 1)
    return text


def of_references(rng):
    parts = [rng.choice([reference(rng), rng.choice(ENGLISH), rng.choice(["<b>", "<", "&", "&;", "&&", "\n", ""])])
             for _ in range(rng.randint(1, 8))]
    return rng.choice(["", " "]).join(parts)


def of_blanks(rng):
    return "".join(rng.choice(ENGLISH) + "".join(rng.choices(BLANKS, k=rng.randint(1, 3))) for _ in range(rng.randint(1, 8)))


def of_controls(rng):
    escape = f"\x1b[{rng.randint(0, 99)};{rng.randint(0, 9)}m"
    return "".join(rng.choice(ENGLISH) + rng.choice([" ", escape, rng.choice(CONTROLS)]) for _ in range(rng.randint(1, 8)))


def of_cases(rng):
    return " ".join(word(rng, CASES + "aAσΣ'.") for _ in range(rng.randint(1, 7)))


def of_signs(rng):
    return "".join(rng.choice([rng.choice(SIGNS), str(rng.randint(0, 99999)), rng.choice(ENGLISH), rng.choice(EMOJI), " "])
                   for _ in range(rng.randint(2, 16)))


def of_many_words(rng, characters):
    """Longer than any context."""
    return " ".join(rng.choice([word(rng, characters), rng.choice(ENGLISH), str(rng.random())]) for _ in range(60))


def captions(count, seed=1):
    """`count` captions, of each kind as many; none is blank."""
    rng = random.Random(seed)
    all_blocks = blocks()
    marks = [c for block in all_blocks for c in block if unicodedata.combining(c)]
    letters = [c for block in all_blocks for c in block if unicodedata.category(c).startswith("L")]
    kinds = [lambda: of_block(rng, all_blocks[next_block % len(all_blocks)]),
             lambda: of_block(rng, all_blocks[next_block * 7 % len(all_blocks)] + list("aZ '-1")),
             lambda: of_marks(rng, marks, letters), lambda: of_references(rng), lambda: of_references(rng),
             lambda: of_blanks(rng), lambda: of_controls(rng), lambda: of_cases(rng), lambda: of_signs(rng),
             lambda: of_many_words(rng, rng.choice(all_blocks))]
    made, next_block = [], 0
    while len(made) < count:
        text = kinds[len(made) % len(kinds)]()
        next_block += len(made) % len(kinds) == 0
        if text.strip():
            made.append(text)
    return made
