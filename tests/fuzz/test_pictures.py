"""A damaged picture is refused as such, or it is read: no crash, no other error, no long wait."""

import io
import resource
import struct
import time
import zlib
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.memory import BUDGET
from liteproof_edge.preprocessing.photo import ChannelOrder, Fit, PhotoSpec, Resampling
from liteproof_edge.preprocessing.spec import InkSpec, RawSpec, preprocess, preprocess_each

WIDTH, HEIGHT = 48, 40
INK = InkSpec(height=28, width=28, channels=1, box=20)
SPECS = (
    INK,
    PhotoSpec(height=24, width=32, channels=3, fit=Fit.CONTAIN, resampling=Resampling.LANCZOS),
    PhotoSpec(height=24, width=32, channels=1, fit=Fit.STRETCH),
    PhotoSpec(height=24, width=32, channels=3, order=ChannelOrder.BGR),
    RawSpec(height=HEIGHT, width=WIDTH, channels=3),
    RawSpec(height=HEIGHT, width=WIDTH, channels=1),
)
# A header may claim as many pixels as the budget allows: to read those takes up to 3 seconds.
MOST_SECONDS = 10.0
MOST_BYTES = BUDGET + 32_000_000
EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 1 << 20)
HUGE = (*EXTREMES, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
HEADER = 128  # bytes
EXIF = 0x0112, 6


def page():
    """A stroke on paper with a little noise, in colour."""
    rng = np.random.default_rng(1)
    pixels = np.full((HEIGHT, WIDTH, 3), (235, 230, 220))
    pixels[10:30, 20:25] = pixels[25:30, 15:35] = (30, 40, 120)
    return Image.fromarray((pixels - rng.integers(0, 4, pixels.shape)).astype(np.uint8))


def encoded(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def corpus():
    """Return files of all formats and many modes."""
    colour = page()
    grey, palette = colour.convert("L"), colour.quantize(8)
    alpha = colour.convert("RGBA")
    alpha.putalpha(grey)
    levels = np.asarray(grey)
    deep = Image.fromarray(levels.astype(np.uint16) * np.uint16(257))
    tags = Image.Exif()
    tags[EXIF[0]] = EXIF[1]
    pages = {"save_all": True, "append_images": [colour.rotate(180)]}
    tiff = [
        *((colour, {"compression": name}) for name in ("raw", "tiff_lzw", "tiff_deflate", "jpeg")),
        *((grey.convert("1"), {"compression": name}) for name in ("group3", "group4")),
        (grey, {"compression": "packbits"}),
        *((image, {}) for image in (deep, alpha, palette, grey.convert("LA"))),
        *((Image.fromarray(levels.astype(dtype)), {}) for dtype in (np.int32, np.float32)),
        *((colour.convert(mode), {}) for mode in ("CMYK", "LAB")),
        (colour.convert("YCbCr"), {"compression": "tiff_lzw"}),
        *((colour, options) for options in (pages, {"exif": tags})),
    ]
    png = [
        *((image, {}) for image in (colour, grey, alpha, palette, deep, grey.convert("LA"))),
        *((grey.convert("1"), {}), (colour, {"exif": tags}), (colour, pages)),
        *((image, {"transparency": value}) for image, value in ((grey, 235), (palette, b"\0\x80"))),
    ]
    jpeg = [
        *((image, {}) for image in (colour, grey, colour.convert("CMYK"))),
        *((colour, {"exif": tags}), (colour, {"progressive": True}), (colour, {"quality": 10})),
    ]
    gif = [(palette, {}), (palette, {"transparency": 0}), (colour, pages)]
    webp = [(colour, {"lossless": True}), (alpha, {}), (colour, pages), (colour, {"exif": tags})]
    bmp = [(image, {}) for image in (colour, grey, palette, grey.convert("1"), alpha)]
    ppm = [(image, {}) for image in (colour, grey, grey.convert("1"))]
    ppm.append((Image.fromarray(levels.astype(np.int32) * 257), {}))
    formats = {"PNG": png, "JPEG": jpeg, "GIF": gif, "WEBP": webp, "BMP": bmp, "PPM": ppm}
    formats |= {"TIFF": tiff, "MPO": [(colour, pages)]}
    return [
        (file_format, encoded(image, file_format, **options))
        for file_format, saved in formats.items()
        for image, options in saved
    ]


def truncate(data, rng):
    del data[int(rng.integers(len(data))) :]


def flip_bits(data, rng):
    for place in rng.integers(0, len(data), int(2 ** rng.uniform(0, 5))):
        data[place] ^= 1 << int(rng.integers(8))


def randomise_span(data, rng):
    start = int(rng.integers(len(data)))
    length = min(int(2 ** rng.uniform(0, 8)), len(data) - start)
    data[start : start + length] = rng.bytes(length)


def set_integer_in_the_header(data, rng):
    layout = ("<H", ">H", "<I", ">I", "B")[rng.integers(5)]
    size = struct.calcsize(layout)
    if len(data) >= size:
        value = HUGE[rng.integers(len(HUGE))] % (1 << 8 * size)
        struct.pack_into(layout, data, int(rng.integers(min(HEADER, len(data) - size + 1))), value)


def move_block(data, rng):
    start, end = sorted(rng.integers(0, len(data) + 1, 2))
    block = data[start:end]
    if rng.random() < 0.5:
        del data[start:end]
    place = int(rng.integers(len(data) + 1))
    data[place:place] = block[:4096]


def change_chunks(data, rng):
    """Swap, repeat, drop or change a PNG's chunks, with the right checksums."""
    if not data.startswith(b"\x89PNG"):
        return change_segments(data, rng)
    chunks, place = [], 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        chunks.append([bytes(data[place + 4 : place + 8]), data[place + 8 : place + 8 + size]])
        place += size + 12
    one, other = rng.integers(0, max(len(chunks), 1), 2)
    match rng.integers(5) if chunks else 5:
        case 0:
            chunks[one], chunks[other] = chunks[other], chunks[one]
        case 1:
            chunks.insert(other, chunks[one])
        case 2:
            del chunks[one]
        case 3 | 4:
            body = chunks[one][1]
            (set_integer_in_the_header, flip_bits)[rng.integers(2)](body or bytearray(4), rng)
    data[8:] = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return None


def change_segments(data, rng):
    """Change an entry of a TIFF's directory, or what follows a JPEG's or another's marker."""
    if data[:4] == b"II*\0" and len(data) > 16:
        start = struct.unpack_from("<I", data, 4)[0]
        count = max(1, min(20, (len(data) - start - 2) // 12))
        place = start + 2 + 12 * int(rng.integers(count))
        size, part = ((2, 0), (2, 2), (4, 4), (4, 8))[rng.integers(4)]
    else:
        marks = [at for at in range(len(data) - 8) if data[at] == 0xFF and data[at + 1] >= 0xC0]
        place = (marks or [0])[rng.integers(len(marks or [0]))]
        size, part = 2, (2, 4, 5, 7)[rng.integers(4)]
    value = HUGE[rng.integers(len(HUGE))] % (1 << 8 * size)
    if place + part + size <= len(data):
        data[place + part : place + part + size] = value.to_bytes(
            size, "little" if data[:2] == b"II" else "big"
        )


DAMAGES = (
    *(truncate, flip_bits, randomise_span, set_integer_in_the_header, move_block),
    *(change_chunks, change_segments),
)
CORPUS = corpus()


def damaged(seed):
    """Return a file of the corpus, damaged; each kind of damage is in turn the first one."""
    rng = np.random.default_rng(seed)
    _, original = CORPUS[seed % len(CORPUS)]
    data = bytearray(original)
    DAMAGES[(seed // len(CORPUS) + seed) % len(DAMAGES)](data, rng)
    while data and rng.random() < 0.4:
        DAMAGES[rng.integers(len(DAMAGES))](data, rng)
    return bytes(data)


def assert_prepared_or_refused(picture, spec):
    """Preprocess a picture, which gives an input that fits the spec or a PictureError."""
    try:
        prepared = preprocess(picture, spec)
    except PictureError as error:
        message = str(error)
        assert message.isprintable()
        assert not message.endswith((" ", ":"))
        return
    assert prepared.pixels.dtype == np.uint8
    assert prepared.pixels.shape == (spec.height, spec.width, spec.channels)
    assert prepared.report.kind == spec.kind
    if spec is INK:
        assert prepared.pixels.max() == 255
        left, top, right, bottom = prepared.report.box
        assert 0 <= left < right
        assert 0 <= top < bottom
        assert 0 < prepared.report.ink_fraction <= 1


def assert_each_prepared_or_refused(picture):
    """Preprocess each mark of a picture, which gives inputs that fit the spec or a PictureError."""
    try:
        lines = preprocess_each(picture, INK)
    except PictureError as error:
        message = str(error)
        assert message.isprintable()
        return
    assert lines
    assert all(lines)
    for mark in chain.from_iterable(lines):
        left, top, right, bottom = mark.prepared.report.box
        assert 0 <= left < right
        assert 0 <= top < bottom
        assert len(mark.halves) in {0, 2}
        for pixels in (mark.prepared.pixels, *mark.halves):
            assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28, 1))


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module")
def peak_before():
    return peak_bytes()


@pytest.mark.parametrize(
    "number", range(len(CORPUS)), ids=lambda number: f"{CORPUS[number][0]}{number}"
)
def test_picture_that_is_not_damaged_is_read(number):
    assert preprocess(CORPUS[number][1], INK).pixels.max() == 255


def test_damaged_picture_is_read_or_refused(picture_seed, peak_before):
    data = damaged(picture_seed)
    for spec in SPECS:
        start = time.perf_counter()
        assert_prepared_or_refused(data, spec)
        assert time.perf_counter() - start < MOST_SECONDS
    assert_each_prepared_or_refused(data)
    assert peak_bytes() - peak_before < MOST_BYTES


def test_random_bytes_after_a_files_first_are_read_or_refused(picture_seed):
    rng = np.random.default_rng(picture_seed)
    start = CORPUS[picture_seed % len(CORPUS)][1][: int(rng.integers(0, 12))]
    assert_prepared_or_refused(start + rng.bytes(int(2 ** rng.uniform(0, 10))), INK)


@pytest.mark.parametrize("size", [0, 1, 10, 100, 10_000, 1_000_000])
def test_random_bytes_are_refused(size):
    with pytest.raises(PictureError):
        preprocess(np.random.default_rng(1).bytes(size), INK)


colours = st.sampled_from([(), (3,), (4,)])
sides = st.integers(1, 60)
pixels = st.tuples(sides, sides, colours).flatmap(
    lambda size: arrays.arrays(
        np.uint8,
        (size[0], size[1], *size[2]),
        elements=st.integers(0, 255),
        fill=st.integers(0, 255),
    )
)


@given(pixels)
def test_ink_gives_an_input_or_a_reason_for_any_pixels(picture):
    assert_prepared_or_refused(picture, INK)


@given(pixels)
def test_each_gives_inputs_or_a_reason_for_any_pixels(picture):
    assert_each_prepared_or_refused(picture)


@given(pixels, st.sampled_from(["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "HSV", "I", "F"]))
def test_ink_gives_an_input_or_a_reason_for_any_mode(picture, mode):
    image = Image.fromarray(picture)
    # Pillow has no way from four channels to some of the modes but by three.
    assert_prepared_or_refused(
        (image.convert("RGB") if mode != "RGBA" else image).convert(mode), INK
    )


@given(
    st.lists(
        st.tuples(sides, sides, st.integers(1, 40), st.integers(1, 40), st.integers(0, 255)),
        max_size=6,
    ),
    sides,
    sides,
    st.integers(0, 255),
)
def test_ink_gives_an_input_or_a_reason_for_any_rectangles(rectangles, height, width, paper):
    picture = np.full((height, width), paper, np.uint8)
    for top, left, tall, wide, level in rectangles:
        picture[top - 1 : top - 1 + tall, left - 1 : left - 1 + wide] = level
    assert_prepared_or_refused(picture, INK)
    assert_each_prepared_or_refused(picture)


@given(pixels, st.sampled_from(SPECS[1:4]))
def test_photo_gives_an_input_for_any_pixels(picture, spec):
    assert preprocess(picture, spec).pixels.shape == (spec.height, spec.width, spec.channels)
