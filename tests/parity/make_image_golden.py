#!/usr/bin/env python3
"""Writes tests/golden/images/: small pictures of every kind that Keel decodes,
and manifest.json with what Pillow and open_clip 3.3.0 make of them.

Usage (with open_clip_torch==3.3.0 and pillow==13.0.0 installed):
  make_image_golden.py tests/golden/images

manifest.json, for each file: format, width, height, the SHA-256 of Pillow's
RGB pixels (rows from the top, interleaved), and for some sizes the SHA-256 of
the crop that open_clip's evaluation transform takes, as bytes [3, size, size].
tokens_and_images.py compares the same pictures live.
"""
import hashlib
import io
import json
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image
from torchvision.transforms import Compose

from open_clip.transform import PreprocessCfg, image_transform_v2

SIZES = (32, 64, 224)


def picture(width, height, seed, channels=3):
    """Waves and noise: smooth parts, edges and single bright pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for c in range(channels):
        wave = 127 + 90 * np.sin(x / (7 + c) + seed) * np.cos(y / (5 + 2 * c))
        wave += 60 * ((x + y * (c + 1)) % 31 < 9)
        planes.append(wave + rng.normal(0, 12, (height, width)))
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def png_chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(path, rows, width, height, depth, color, interlace=0, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra
                + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b""))


def interlaced_rows(pixels):
    """Adam7: the passes' rows one after another."""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
                           (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = pixels[y0::dy, x0::dx]
        if part.size:
            for row in part:
                yield row.tobytes()


def jpeg_bytes(array, mode=None, **options):
    out = io.BytesIO()
    Image.fromarray(array, mode).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def resampled(jpeg, factors):
    """`jpeg` with other sampling factors for Y, Cb, Cr, of as many blocks each MCU: a scrambled picture, well formed."""
    frame = jpeg.index(b"\xff\xc0") + 11  # its first component: id, factors, table
    data = bytearray(jpeg)
    data[frame:frame + 9:3] = factors
    return bytes(data)


def write_little_pictures(folder):
    """Rarer kinds, of a few hundred bytes each."""
    rgb = picture(17, 13, 9)
    grey, alpha = rgb[..., 0], rgb[..., 1:2]
    wide = rgb.astype(np.uint16) * 257 - 100 * (rgb > 10)

    def path(name):
        return os.path.join(folder, name)

    def save(name, image, **options):
        Image.fromarray(image).save(path(name), **options)

    def save_wide(name, pixels, color, extra=b""):
        png(path(name), [row.astype(">u2").tobytes() for row in pixels], 17, 13, 16, color, extra=extra)

    turned = Image.Exif()
    turned[0x0112] = 6
    for name in ("exif_turned.jpg", "exif_turned.png", "exif_turned.webp"):
        save(name, rgb, exif=turned)
    save_wide("grey16.png", wide[..., 0], 0)
    save_wide("grey16_trns.png", wide[..., 0], 0, png_chunk(b"tRNS", wide[0, 0, :1].astype(">u2").tobytes()))
    save_wide("grey_alpha16.png", wide[..., :2], 4)
    save_wide("rgba16.png", np.concatenate([wide, wide[..., :1]], axis=-1), 6)
    save_wide("rgb16_trns.png", wide, 2, png_chunk(b"tRNS", wide[0, 0].astype(">u2").tobytes()))
    save("rgb_trns.png", rgb, transparency=tuple(map(int, rgb[3, 4])))
    save("grey_trns.png", grey, transparency=int(grey[3, 4]))
    png(path("gamma.png"), [row.tobytes() for row in rgb], 17, 13, 8, 2,
        extra=png_chunk(b"gAMA", struct.pack(">I", 100000)))
    for colours, bits in ((2, 1), (4, 2)):
        Image.fromarray(rgb).quantize(colours).save(path(f"palette{bits}.png"), bits=bits)
    png(path("grey16_adam7.png"), interlaced_rows(wide[..., 0].astype(">u2")), 17, 13, 16, 0, 1)
    Image.fromarray(rgb).save(path("animated.png"), save_all=True, append_images=[Image.fromarray(rgb[::-1].copy())])
    save("webp_lossless_alpha.webp", np.concatenate([rgb, alpha], axis=-1), lossless=True, exact=True)
    save("jpeg_rgb.jpg", rgb, quality=90, keep_rgb=True)
    inks = jpeg_bytes(picture(17, 13, 5, 4), "CMYK")
    adobe = inks.index(b"\xff\xee")
    colours = adobe + 15  # the marker's last byte: 0 as they are, 2 YCCK
    for name, data in (("jpeg_ycck.jpg", inks[:colours] + b"\2" + inks[colours + 1:]),
                       ("jpeg_cmyk_plain.jpg", inks[:adobe] + inks[adobe + 16:]),
                       ("jpeg_441.jpg", resampled(jpeg_bytes(picture(32, 32, 6), subsampling=2), b"\x14\x11\x11")),
                       ("jpeg_unequal_chroma.jpg",
                        resampled(jpeg_bytes(picture(32, 32, 7), subsampling=1), b"\x11\x21\x11"))):
        with open(path(name), "wb") as f:
            f.write(data)


def write_pictures(folder):
    write_little_pictures(folder)

    def save(name, array, mode=None, **options):
        Image.fromarray(array, mode).save(os.path.join(folder, name), **options)

    for width, height in ((49, 32), (32, 32), (35, 32), (37, 32), (32, 39), (9, 5),
                          (120, 7), (91, 120), (31, 93)):
        save(f"rgb_{width}x{height}.png", picture(width, height, width))
    rgb = picture(61, 46, 1)
    save("interlace_none.png", rgb)
    png(os.path.join(folder, "interlace_adam7.png"), interlaced_rows(rgb), 61, 46, 8, 2, 1)
    grey = rgb[..., 0]
    save("grey8.png", grey)
    save("grey1.png", grey > 127)
    bits = np.packbits(np.unpackbits((grey >> 6)[:, :60, None], axis=2)[..., 6:].reshape(46, -1), axis=1)
    png(os.path.join(folder, "grey2.png"), [row.tobytes() for row in bits], 60, 46, 2, 0)
    save("grey_alpha.png", np.stack([grey, rgb[..., 1]], axis=-1))
    save("rgba.png", np.concatenate([rgb, rgb[..., :1]], axis=-1))
    wide = rgb.astype(">u2") * 257 - 100 * (rgb > 10)
    png(os.path.join(folder, "rgb16.png"), [row.astype(">u2").tobytes() for row in wide], 61, 46, 16, 2)
    palette = Image.fromarray(rgb).quantize(200, method=Image.Quantize.MEDIANCUT)
    palette.save(os.path.join(folder, "palette8.png"), transparency=3)
    Image.fromarray(rgb).quantize(13).save(os.path.join(folder, "palette4.png"), bits=4)
    for name, sampling in (("420", 2), ("422", 1), ("444", 0)):
        save(f"jpeg_{name}.jpg", picture(131, 75, 2), quality=90, subsampling=sampling)
    save("jpeg_progressive.jpg", picture(131, 75, 3), quality=85, progressive=True)
    save("jpeg_restart.jpg", picture(131, 75, 4), quality=60, restart_marker_rows=1)
    save("jpeg_grey.jpg", grey, quality=90)
    Image.fromarray(picture(80, 66, 5, 4), "CMYK").save(os.path.join(folder, "jpeg_cmyk.jpg"), quality=90)
    save("webp_lossy.webp", rgb, quality=80)
    save("webp_lossless.webp", rgb, lossless=True)
    save("webp_alpha.webp", np.concatenate([rgb, rgb[..., :1]], axis=-1), quality=80)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def as_rgb(source):
    """As open_clip's training loader has it, but that 16-bit grey keeps its high byte: Pillow clips it to white."""
    if source.mode.startswith("I;16"):
        source = Image.fromarray((np.asarray(source) >> 8).astype(np.uint8))
    return source.convert("RGB")


def crop(image, size):
    """open_clip's evaluation transform without its last two steps, which make
    the bytes floats and normalise them."""
    steps = image_transform_v2(PreprocessCfg(size=size), is_train=False).transforms
    return np.asarray(Compose(steps[:-2])(image)).transpose(2, 0, 1)


def describe(path):
    with open(path, "rb") as f:
        source = Image.open(io.BytesIO(f.read()))
    image = as_rgb(source)
    return {"file": os.path.basename(path), "format": source.format.lower(),
            "width": image.width, "height": image.height, "rgb": sha256(np.asarray(image)),
            "crops": {str(size): sha256(crop(image, size)) for size in SIZES}}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    write_pictures(folder)
    rows = [describe(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
            if name != "manifest.json"]
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
