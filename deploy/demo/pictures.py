"""Pictures of the demo and of the experiment, all written in one form."""
import hashlib
import os

from PIL import Image

SIZE = 128
# One PNG of Debian's clip art claims 623 million pixels.
MAX_PIXELS = 20_000_000
Image.MAX_IMAGE_PIXELS = None


def on_white(image):
    """The picture, RGBA, on a white square of at most SIZE pixels."""
    side = max(image.size)
    image.thumbnail((SIZE, SIZE), Image.BICUBIC)
    square = Image.new("RGB", (min(side, SIZE),) * 2, (255, 255, 255))
    place = ((square.width - image.width) // 2, (square.height - image.height) // 2)
    square.paste(image, place, image)
    return square


def convert(job):
    """Writes one padded picture; False if it cannot be used."""
    png, out = job
    try:
        with Image.open(png) as image:
            if image.width * image.height > MAX_PIXELS:
                return False
            image = image.convert("RGBA")
        on_white(image).save(out)
        return True
    except (OSError, ValueError):
        return False


def write_pictures(pool, out, domain, pairs, write=convert):
    """Writes the picture of each (source, caption) of a domain by `write`((source, file)); the rows (pairs.py) of those
    where that is True."""
    folder = os.path.join(out, "images", domain)
    os.makedirs(folder, exist_ok=True)
    paths = [f"{domain}/{i:05d}.png" for i in range(len(pairs))]
    files = [os.path.join(out, "images", path) for path in paths]
    usable = pool.map(write, zip([source for source, _ in pairs], files), chunksize=64)
    rows = []
    for path, file_name, (_, text), ok in zip(paths, files, pairs, usable):
        if ok:
            with open(file_name, "rb") as file:
                rows.append((path, text, hashlib.sha256(file.read()).hexdigest()))
    return rows
