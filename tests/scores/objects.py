"""Data sets of objects made up for tests, and their scores by pycocotools."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.ndimage import distance_transform_cdt

from dysample.models.annotations import Objects, boxes_of

CLASSES = 4
Pair = tuple[Objects, Objects]


def boxes(
    height: int,
    width: int,
    corners: Sequence[Sequence[float]],
    classes: Sequence[int],
    scores: Sequence[float] | None = None,
    crowd: Sequence[bool] | None = None,
) -> Objects:
    """Objects without masks."""
    n = len(corners)
    return Objects(
        height,
        width,
        boxes=np.array(corners, np.float32).reshape(n, 4),
        classes=np.array(classes, np.uint8),
        scores=np.ones(n, np.float32) if scores is None else np.array(scores, np.float32),
        masks=None,
        crowd=np.zeros(n, bool) if crowd is None else np.array(crowd, bool),
    )


def masked(
    masks: np.ndarray,
    classes: Sequence[int],
    scores: Sequence[float] | None = None,
    crowd: Sequence[bool] | None = None,
) -> Objects:
    """Objects with masks, and the boxes around them."""
    found = boxes(*masks.shape[1:], boxes_of(masks).tolist(), classes, scores, crowd)
    return Objects(found.height, found.width, found.boxes, found.classes, found.scores, masks, found.crowd)


def ellipse(rng: np.random.Generator, height: int, width: int, corners: np.ndarray) -> np.ndarray:
    """A mask that fills a box as an ellipse, with a few pixels flipped."""
    left, top, right, bottom = corners
    y, x = np.mgrid[:height, :width] + 0.5
    across = (2 * x - left - right) / max(right - left, 1)
    along = (2 * y - top - bottom) / max(bottom - top, 1)
    mask = across**2 + along**2 <= 1
    rows, columns = rng.integers(0, height, 5), rng.integers(0, width, 5)
    mask[rows, columns] ^= True
    return mask


def made_pair(seed: int, *, with_masks: bool, many: bool = False) -> Pair:
    """Predictions and truths of one picture: near ones and wrong ones, equal scores, crowds, all sizes."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(60, 240, 2))
    count = int(rng.integers(0, 7))
    corners = rng.uniform(0, 1, (count, 2, 2)) * [width, height]
    real = np.concatenate([corners.min(1), corners.max(1) + 1], axis=1).round(1)
    classes = rng.integers(0, CLASSES - 1, count)
    crowd = rng.random(count) < 0.2
    copies = rng.integers(0, 4, count)
    near = real.repeat(copies, 0)
    near = near + rng.normal(0, 0.04, near.shape) * np.tile(near[:, 2:] - near[:, :2], 2)
    wild = rng.uniform(0, 1, (130 if many else int(rng.integers(0, 4)), 2, 2)) * [width, height]
    guesses = np.concatenate([near, np.concatenate([wild.min(1), wild.max(1) + 1], axis=1)])
    guessed = np.concatenate([classes.repeat(copies), rng.integers(0, CLASSES, len(wild))])
    guessed = np.where(rng.random(len(guessed)) < 0.1, 0, guessed) if not many else np.zeros(len(guessed))
    scores = rng.integers(1, 10, len(guesses)) / 10  # many are equal
    order = np.argsort(-scores, kind="stable")
    guesses, guessed, scores = guesses[order], guessed[order], scores[order]
    if not with_masks:
        return (
            boxes(height, width, guesses.tolist(), guessed.tolist(), scores.tolist()),
            boxes(height, width, real.tolist(), classes.tolist(), crowd=crowd.tolist()),
        )
    blank = np.zeros((0, height, width), bool)
    ours, truths = (
        np.stack([ellipse(rng, height, width, corner) for corner in each]) if len(each) else blank
        for each in (guesses, real)
    )
    if len(ours) > 2:
        ours[1] = False  # nothing was found there
    return masked(ours, guessed.tolist(), scores.tolist()), masked(
        truths, classes.tolist(), crowd=crowd.tolist()
    )


def made_set(seed: int, pictures: int, *, with_masks: bool) -> list[Pair]:
    """Pictures of which one has more predictions of a class than are counted."""
    return [
        made_pair(100 * seed + index, with_masks=with_masks, many=index == 1) for index in range(pictures)
    ]


def near_edge(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask at most 2 % of the diagonal (king's moves) away from its outside."""
    distance = max(1, round(0.02 * float(np.hypot(*mask.shape))))
    steps = np.asarray(distance_transform_cdt(np.pad(mask, 1), metric="chessboard"))[1:-1, 1:-1]
    return mask & (steps <= distance)


class BoundaryEval(COCOeval):
    """pycocotools with the smaller one of IoU and boundary IoU as the overlap."""

    def computeIoU(self, imgId, catId):  # noqa: N802, N803
        overlaps = super().computeIoU(imgId, catId)
        truths = self._gts[imgId, catId]
        found = sorted(self._dts[imgId, catId], key=lambda each: -each["score"])[:100]
        for row, guess in enumerate(found):
            for column, truth in enumerate(truths):
                if not truth["iscrowd"]:
                    one, other = (near_edge(each["mask"]) for each in (guess, truth))
                    whole = (one | other).sum()
                    band = (one & other).sum() / whole if whole else 0.0
                    overlaps[row, column] = min(overlaps[row, column], band)
        return overlaps


def by_pycocotools(
    pairs: Sequence[Pair], kind: Literal["bbox", "segm", "boundary"], classes: int = CLASSES
) -> COCOeval:
    """The evaluation of a data set by pycocotools, accumulated."""
    real, found = COCO(), COCO()
    listed = [annotations(pairs, which, kind) for which in (0, 1)]
    for api, entries in ((found, listed[0]), (real, listed[1])):
        api.dataset = {
            "images": [
                {"id": index, "height": truth.height, "width": truth.width}
                for index, (_, truth) in enumerate(pairs)
            ],
            "categories": [{"id": index} for index in range(classes)],
            "annotations": entries,
        }
        api.createIndex()
    evaluation = BoundaryEval(real, found, "segm") if kind == "boundary" else COCOeval(real, found, kind)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def annotations(pairs: Sequence[Pair], which: int, kind: str) -> list[dict]:
    """Objects of all pictures as pycocotools lists them."""
    entries: list[dict] = []
    for picture, pair in enumerate(pairs):
        objects = pair[which]
        for index in range(len(objects)):
            left, top, right, bottom = objects.boxes[index].astype(float).tolist()
            entry = {
                "id": len(entries) + 1,
                "image_id": picture,
                "category_id": int(objects.classes[index]),
                "iscrowd": int(objects.crowd[index]),
                "score": float(objects.scores[index]),
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
            }
            if kind != "bbox":
                assert objects.masks is not None
                entry["segmentation"] = rle.encode(np.asfortranarray(objects.masks[index].astype(np.uint8)))
                entry["mask"] = objects.masks[index]
                entry["area"] = float(objects.masks[index].sum())
            entries.append(entry)
    return entries


def average(
    evaluation: COCOeval, *, threshold: int | None = None, size: int = 0, category: int | None = None
) -> float | None:
    """An average precision out of an evaluation; None where there is none."""
    values = evaluation.eval["precision"][:, :, :, size, 2]
    values = values if threshold is None else values[threshold]
    values = values if category is None else values[..., category]
    known = values[values > -1]
    return float(known.mean()) if known.size else None
