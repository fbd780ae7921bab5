"""Tiles: they cover a picture once, and what is computed in them is what one pass over it computes."""

import numpy as np
import pytest
import torch
from torch import nn

from app.settings import Source
from app.shared.engine import tiles
from app.shared.engine.tiles import Tile, tiling
from app.shared.photos import picture
from dysample.models import weights
from dysample.models.annotations import Depth
from dysample.models.encoder import Encoder
from dysample.models.heads import DenseHead
from dysample.models.manifest import load_manifest
from dysample.models.tasks import KINDS, Task

SIDE = 960  # of the tiles of large pictures in these tests


def network(name: str, upsampler: str) -> tuple[Task, Encoder, DenseHead]:
    encoder = weights.load_encoder(name)
    head = weights.load_head(name, upsampler, encoder.channels)
    assert isinstance(head, DenseHead)
    return load_manifest().task(name), encoder, head


def photograph(name: str, height: int, width: int) -> np.ndarray:
    """Return a photograph that is enlarged to a size, with the noise of a camera."""
    import cv2

    image = picture(Source(name), "street-segmentation", 0).image
    large = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = np.random.default_rng(0).integers(-6, 7, large.shape)
    return (large + noise).clip(0, 255).astype(np.uint8)


def values(annotation: object) -> np.ndarray:
    return annotation.metres if isinstance(annotation, Depth) else annotation.classes


# --- Cutting ---


@pytest.mark.parametrize("shape", [(30, 40), (768, 768), (769, 2000), (3000, 4000), (6124, 8165), (20, 6000)])
@pytest.mark.parametrize(("side", "overlap"), [(768, 320), (2048, 320), (1024, 0)])
def test_tiles_cover_every_pixel_once_with_a_border(shape: tuple[int, int], side: int, overlap: int) -> None:
    counts = np.zeros(shape, np.int64)
    for tile in tiling(shape, side, overlap):
        counts[tile.rows, tile.columns] += 1
        assert max(tile.shape) <= side
        for kept, seen, length in zip(
            (tile.rows, tile.columns), (tile.seen_rows, tile.seen_columns), shape, strict=True
        ):
            assert kept.start % 32 == seen.start % 32 == 0
            assert seen.start == max(0, kept.start - overlap)
            assert seen.stop == min(length, kept.stop + overlap)
        here = np.zeros(shape, bool)
        here[tile.seen] = True
        assert here[tile.rows, tile.columns].all()
        assert counts[tile.seen][tile.within].shape == counts[tile.rows, tile.columns].shape
    assert (counts == 1).all()


def test_a_tiling_by_hand() -> None:
    """Of 1024 pixels a border of 128 leaves 768, so 1500 columns take two tiles of 768 at most."""
    first, second = tiling((500, 1500), 1024, 128)
    assert first == Tile(slice(0, 500), slice(0, 768), slice(0, 500), slice(0, 896))
    assert second == Tile(slice(0, 500), slice(768, 1500), slice(0, 500), slice(640, 1500))
    assert second.within == (slice(0, 500), slice(128, 860))


@pytest.mark.parametrize(("side", "overlap"), [(640, 320), (1000, 320), (1024, 100)])
def test_tiles_that_leave_nothing_or_do_not_fit_the_maps_are_refused(side: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"multiples of 32 .*, got {side} and {overlap}"):
        tiling((3000, 4000), side, overlap)


def test_tiles_are_as_large_as_memory_allows() -> None:
    # 240 bytes, a third more for gaps: 2048² pixels take 1.31 GB, three quarters of 1.8 GB are 1.35 GB.
    assert next(tiles.sides(240, 1_800_000_000)) == 2048
    assert next(tiles.sides(240, 10**12)) == 3072
    assert list(tiles.sides(240, 0)) == [768]


# --- What is computed ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "photo", "size"),
    [
        ("street-segmentation", "motorcycle_left", (640, 1408)),
        ("everyday-segmentation", "chelsea", (1408, 640)),
        ("indoor-depth", "coffee", (640, 1408)),
    ],
)
def test_tiles_say_what_one_pass_says(task: str, photo: str, size: tuple[int, int]) -> None:
    """At 99.9 % of the pixels, also of those near a tile's edge: the same class, or 1 % of the depth."""
    known, encoder, head = network(task, "dysample+")
    image = photograph(photo, *size)
    with torch.inference_mode():
        whole = tiles.encode_whole(encoder, image)
        one_pass = values(tiles.annotate_whole(known, head, size, whole.maps))
        parts = tiling(size, SIDE)
        assert len(parts) > 1
        together = tiles.encode_tiles(encoder, image, parts)
        alone = tiles.encode_mean(encoder, image, parts)
        found = {
            "maps together, head whole": tiles.annotate_whole(known, head, size, together.maps),
            "maps together, head in tiles": tiles.annotate_tiles(
                known,
                head,
                size,
                tiling(size, SIDE, tiles.HEAD_OVERLAP),
                tiles.cut(together.maps, size, torch.device("cpu")),
            ),
            "all in tiles": tiles.annotate_tiles(
                known, head, size, parts, tiles.encoded_anew(encoder, image, alone.mean)
            ),
        }
    edges = np.zeros(size, bool)
    for tile in parts:
        for span, index in ((tile.rows, 0), (tile.columns, 1)):
            if span.start:
                near = [slice(None), slice(None)]
                near[index] = slice(span.start - 64, span.start + 64)
                edges[tuple(near)] = True
    assert edges.any()
    for name, said in found.items():
        right = alike(values(said), one_pass)
        assert right.mean() >= 0.999, name
        assert right[edges].mean() >= 0.999, name


def alike(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    if found.dtype == np.uint8:
        assert len(np.unique(expected)) > 1
        return found == expected
    return np.abs(found - expected) <= 0.01 * expected


@pytest.mark.parametrize("upsampler", ["nearest", "dysample+"])
def test_the_context_of_an_image_is_that_of_the_whole(upsampler: str) -> None:
    """Without borders and with one tile nothing differs; with several the mean is that of the positions."""
    _, encoder, _ = network("everyday-segmentation", upsampler)
    image = photograph("chelsea", 200, 330)  # not multiples of 32: the padding counts as well
    with torch.inference_mode():
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        padded = nn.functional.pad(pixels, (0, 22, 0, 24), mode="replicate")
        expected = encoder.local(padded)[-1].mean((2, 3), keepdim=True)
        one = tiles.encode_mean(encoder, image, tiling((200, 330), 768))
        torch.testing.assert_close(one.mean, expected)
        parts = tiling((200, 330), 192, 32)
        several = tiles.encode_mean(encoder, image, parts).mean
        sums = torch.zeros_like(expected)
        for tile in parts:
            rows, columns = (
                slice(span.start, span.stop + -span.stop % 32) for span in (tile.seen_rows, tile.seen_columns)
            )
            x = encoder.local(padded[:, :, rows, columns])[-1]
            kept = [slice(span.start // 16, (span.stop + -span.stop % 32) // 16) for span in tile.within]
            sums += x[:, :, kept[0], kept[1]].sum((2, 3), keepdim=True)
        torch.testing.assert_close(several, sums / (14 * 22), rtol=1e-4, atol=1e-5)
        whole = encoder(padded)
        local = encoder.local(padded)
        for here, there in zip(encoder.in_context(local, expected), whole, strict=True):
            torch.testing.assert_close(here, there)


@pytest.mark.parametrize(
    ("task", "upsampler"), [("indoor-segmentation", "nearest"), ("indoor-depth", "carafe")]
)
@pytest.mark.parametrize("rows", [1, 4, 24, 64, 1000])
def test_strips_are_the_values_of_the_whole(task: str, upsampler: str, rows: int) -> None:
    known, encoder, head = network(task, upsampler)
    shape = 93, 130
    with torch.inference_mode():
        maps = tiles.encode_whole(encoder, photograph("coffee", *shape)).maps
        expected = head.decode(maps, *shape).output
        strips = list(head.strips(maps, *shape, rows=rows))
        assert [(part.start, part.stop) for part, _ in strips][-1][1] == 93
        assert all(values.shape[2] <= max(rows, 4) for _, values in strips)
        assert torch.equal(torch.cat([values for _, values in strips], dim=2), expected)
        said = tiles.annotate_strips(known, head, shape, maps)
        assert np.array_equal(values(said), values(KINDS[known.kind].annotation(known, expected)))


def test_every_tile_is_what_the_network_says_of_it_alone() -> None:
    """A network without context of the image: a slow loop over cut-out pictures."""
    known, encoder, head = network("indoor-depth", "bilinear")
    shape = 150, 210
    image = photograph("coffee", *shape)
    parts = tiling(shape, 128, 32)
    host = KINDS[known.kind].host(encoder, head).eval()
    with torch.inference_mode():
        said = tiles.annotate_tiles(known, head, shape, parts, tiles.encoded_anew(encoder, image, None))
        for tile in parts:
            part = torch.from_numpy(image[tile.seen].copy()).permute(2, 0, 1)[None]
            alone = host(part)[0, 0].numpy()[tile.within]
            np.testing.assert_allclose(said.metres[tile.rows, tile.columns], alone, rtol=1e-4)


def test_objects_are_not_computed_in_tiles() -> None:
    task = load_manifest().task("everyday-instances")

    def no_maps(tile: Tile) -> tuple[torch.Tensor, ...]:
        return ()

    with pytest.raises(ValueError, match="cannot be annotated by themselves for Everyday objects, masks"):
        tiles.annotate_tiles(task, nn.Module(), (30, 40), (), no_maps)
