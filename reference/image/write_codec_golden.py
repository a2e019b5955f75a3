"""Writes test/golden/image/{jpeg,png}.json: small files and the hash of what Pillow's convert("RGB") makes of them.

    pip install pillow numpy; cjpeg of libjpeg-turbo on the PATH
    python reference/image/write_codec_golden.py
"""

import base64
import io
import struct
import subprocess
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps, features

from common import mix, sha, write


def scene(width: int, height: int, seed: int) -> np.ndarray:
    """Smooth colours, edges and some noise, so that every coefficient band is used."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    f = 1 + seed % 7
    base = np.stack([128 + 100 * np.sin(x / 7 / f + seed), 128 + 110 * np.cos((x + 2 * y) / 9), 128 + 90 * np.sin(y / 5)], -1)
    base[height // 3 : height // 2, width // 4 : width // 2] = (seed * 37 % 256, 250, 10)
    noise = (mix(np.arange(height * width * 3), seed).reshape(height, width, 3) % 41).astype(np.float64) - 20
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def entry(name: str, data: bytes) -> dict:
    picture = Image.open(io.BytesIO(data))
    rgb = picture.convert("RGB")
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    return {
        "name": name, "width": rgb.width, "height": rgb.height, "rgb": sha(rgb.tobytes()),
        "upright": sha(upright.tobytes()), "file": base64.b64encode(data).decode(),
    }


def cjpeg(pixels: np.ndarray, *options: str) -> bytes:
    header = f"P6\n{pixels.shape[1]} {pixels.shape[0]}\n255\n".encode()
    return subprocess.run(["cjpeg", *options], input=header + pixels.tobytes(), capture_output=True, check=True).stdout


def pillow_jpeg(pixels: np.ndarray, mode: str = "RGB", **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


def adobe_transform(data: bytes, value: int) -> bytes:
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    return data[: at + 15] + bytes([value]) + data[at + 16 :]


def jpegs() -> list[dict]:
    files = []
    sampling = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x1,1x1,2x1", "2x2,2x1,1x2", "1x1,2x2,1x1", "3x1", "1x1,1x1,2x2"]
    for i, layout in enumerate(sampling):
        for j, (width, height) in enumerate([(37, 29), (16, 16), (5, 3)]):
            pixels = scene(width, height, i * 3 + j)
            factors = layout if "," in layout else f"{layout},1x1,1x1"
            files.append((f"baseline {layout} {width}x{height}", cjpeg(pixels, "-quality", str(95 - i * 5), "-sample", factors)))
            if j == 0:
                files.append((f"progressive {layout}", cjpeg(pixels, "-progressive", "-sample", factors)))
                files.append((f"restarts {layout}", cjpeg(pixels, "-restart", "2B", "-sample", factors)))
    for width in range(1, 20):
        height = 20 - width
        files.append((f"edge {width}x{height}", pillow_jpeg(scene(width, height, width), quality=60 + width, subsampling=width % 3)))
    pixels = scene(45, 34, 5)
    files += [
        ("gray", cjpeg(pixels, "-grayscale")),
        ("gray progressive", cjpeg(pixels, "-grayscale", "-progressive")),
        ("rgb", cjpeg(pixels, "-rgb")),
        ("optimized", cjpeg(pixels, "-optimize", "-quality", "30")),
        ("quality 100", cjpeg(pixels, "-quality", "100", "-sample", "1x1")),
        ("quality 1", cjpeg(pixels, "-quality", "1")),
        ("cmyk", pillow_jpeg(pixels, "CMYK", quality=90)),
        ("ycck", adobe_transform(pillow_jpeg(pixels, "CMYK", quality=90), 2)),
        ("progressive restarts", cjpeg(pixels, "-progressive", "-restart", "1")),
        ("rgb by adobe marker", adobe_jpeg(pixels)),
    ]
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files.append((f"orientation {orientation}", pillow_jpeg(scene(13, 9, 1), exif=exif)))
    return [entry(name, data) for name, data in files]


def adobe_jpeg(pixels: np.ndarray) -> bytes:
    """An ordinary JPEG whose JFIF marker is replaced by Adobe's with transform 0: read as RGB."""
    data = cjpeg(pixels)
    length = struct.unpack(">H", data[4:6])[0]
    marker = b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)
    return data[:2] + marker + data[4 + length :]


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows: list[bytes], step: int, seed: int) -> bytes:
    out, above = b"", bytes(len(rows[0])) if rows else b""
    for y, row in enumerate(rows):
        kind = (y + seed) % 5
        line = bytearray(row)
        for i, value in enumerate(row):
            left = row[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            up = above[i]
            p = left + up - corner
            pa, pb, pc = abs(p - left), abs(p - up), abs(p - corner)
            best = left if pa <= pb and pa <= pc else up if pb <= pc else corner
            line[i] = (value - (0, left, up, (left + up) // 2, best)[kind]) & 255
        out += bytes([kind]) + bytes(line)
        above = row
    return out


def pack(samples: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return samples.astype(">u2").tobytes()
    bits = "".join(format(int(v), f"0{depth}b") for v in samples.ravel())
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def png(width: int, height: int, kind: int, depth: int, interlaced: bool, seed: int, extra: bytes = b"") -> bytes:
    channels = CHANNELS[kind]
    limit = 2**depth if kind != 0 or depth < 16 else 400
    samples = mix(np.arange(width * height * channels), seed).reshape(height, width, channels).astype(np.int64) % limit
    step = max(1, depth * channels // 8)
    raw = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            raw += filtered([pack(row, depth) for row in part], step, seed)
    packed = zlib.compress(raw)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    parts = [packed[: len(packed) // 2], packed[len(packed) // 2 :]]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + b"".join(chunk(b"IDAT", p) for p in parts) + chunk(b"IEND", b"")


def pngs() -> list[dict]:
    entries = []
    depths = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}
    palette = bytes(range(1, 256, 1))[: 3 * 64]
    for kind, options in depths.items():
        for depth in options:
            for interlaced in (False, True):
                for i, (width, height) in enumerate([(13, 9), (1, 1), (3, 17)]):
                    extra = chunk(b"PLTE", palette[: 3 * min(64, 2**depth)]) if kind == 3 else b""
                    if i == 0 and kind == 3:
                        extra += chunk(b"tRNS", b"\x00\x80")
                    if i == 0 and kind in (0, 2):
                        extra += chunk(b"tRNS", b"\x00\x01" * CHANNELS[kind])
                    data = png(width, height, kind, depth, interlaced, kind * 31 + depth + i, extra)
                    entries.append(entry(f"type {kind} depth {depth} interlaced {interlaced} {width}x{height}", data))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = png(7, 5, 2, 8, False, 3, chunk(b"eXIf", exif.tobytes()[6:]))
    return [*entries, entry("eXIf orientation 6", data)]


cjpeg_version = subprocess.run(["cjpeg", "-version"], capture_output=True, text=True).stderr.strip()
versions = {"pillow": PIL.__version__, "libjpegTurbo": features.version("libjpeg_turbo"), "cjpeg": cjpeg_version}
write("jpeg.json", {"versions": versions, "files": jpegs()})
write("png.json", {"versions": versions, "files": pngs()})
