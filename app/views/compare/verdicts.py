"""Verdicts on the objects of an answer: which a reference has too, and which are true."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int64

from dysample.models.annotations import Objects
from dysample.scores.objects import box_overlaps, mask_overlaps, object_pairs

_MOSTLY = 0.5  # share of an object that has to lie in a crowd of its class


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Objects of an answer and of a reference, by their numbers; matched as in `object_pairs`.

    Attributes:
        both: Objects of the answer that the reference has too.
        only_here: Objects of the answer that the reference lacks.
        only_there: Objects of the reference that the answer lacks.
        differs: Pixels that are in an object of `both` and not in its match, or the other way round.
    """

    both: Int64[np.ndarray, " n"]
    only_here: Int64[np.ndarray, " n"]
    only_there: Int64[np.ndarray, " n"]
    differs: Bool[np.ndarray, "h w"]


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Objects of an answer and of the truth, by their numbers.

    Attributes:
        found: Objects of the answer that are true.
        confused: Objects of the answer that are there but have another class.
        instead: The true object of each of these.
        false: Objects of the answer that are not there.
        missed: True objects that the answer lacks.
        differs: Pixels that are in an object of `found` and not in the true one, or the other way round.
    """

    found: Int64[np.ndarray, " n"]
    confused: Int64[np.ndarray, " m"]
    instead: Int64[np.ndarray, " m"]
    false: Int64[np.ndarray, " n"]
    missed: Int64[np.ndarray, " n"]
    differs: Bool[np.ndarray, "h w"]


def changes(objects: Objects, reference: Objects) -> Changes:
    """Sort the objects of an answer and of a reference."""
    pairs = object_pairs(objects, reference)
    here, there = _others(objects, pairs.here), _others(reference, pairs.there)
    return Changes(pairs.here, here, there, _within(objects, reference, pairs.here, pairs.there))


def errors(objects: Objects, truth: Objects) -> Errors:
    """Sort the objects of an answer and of the truth. Objects in a crowd are neither right nor wrong."""
    numbers = np.flatnonzero(~truth.crowd)
    wanted, crowds = truth.chosen(~truth.crowd), truth.chosen(truth.crowd)
    pairs = object_pairs(objects, wanted)
    here, there = _others(objects, pairs.here), _others(wanted, pairs.there)
    others = object_pairs(_alike(objects.chosen(here)), _alike(wanted.chosen(there)))
    confused, instead = here[others.here], there[others.there]
    false = np.setdiff1d(here, confused)
    return Errors(
        found=pairs.here,
        confused=confused,
        instead=numbers[instead],
        false=false[~_in_a_crowd(objects.chosen(false), crowds)],
        missed=numbers[np.setdiff1d(there, instead)],
        differs=_within(objects, wanted, pairs.here, pairs.there),
    )


def _others(objects: Objects, rows: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    return np.setdiff1d(np.arange(len(objects)), rows)


def _alike(objects: Objects) -> Objects:
    """Return the objects with one class for all."""
    return replace(objects, classes=np.zeros_like(objects.classes))


def _within(
    objects: Objects, others: Objects, here: Int64[np.ndarray, " n"], there: Int64[np.ndarray, " n"]
) -> Bool[np.ndarray, "h w"]:
    """Return the pixels in which the masks of matched objects differ; none where there are boxes alone."""
    if objects.masks is None or others.masks is None:
        return np.zeros((objects.height, objects.width), bool)
    return np.asarray((objects.masks[here] ^ others.masks[there]).any(0))


def _in_a_crowd(objects: Objects, crowds: Objects) -> Bool[np.ndarray, " n"]:
    """Return which objects lie mostly in a crowd of their class."""
    if objects.masks is None or crowds.masks is None:
        shares = box_overlaps(objects, crowds)
    else:
        shares = mask_overlaps(objects.masks, crowds.masks, crowds.crowd)
    same = objects.classes[:, None] == crowds.classes
    return np.asarray((same & (shares >= _MOSTLY)).any(1))


# --- One number for one object, in all panes ---


@dataclass(frozen=True, slots=True, eq=False)
class Roll:
    """All objects of several answers, each one once.

    Attributes:
        classes: Class of each object.
        rows: For every answer the number of each of its objects in `classes`.
    """

    classes: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]


def roll(answers: Sequence[Objects]) -> Roll:
    """Number the objects of answers, so that what is matched with an earlier answer's has its number."""
    known = answers[0].chosen(np.zeros(len(answers[0]), bool))
    rows: list[tuple[int, ...]] = []
    for objects in answers:
        pairs = object_pairs(objects, known)
        new = _others(objects, pairs.here)
        numbers = np.zeros(len(objects), np.int64)
        numbers[pairs.here] = pairs.there
        numbers[new] = len(known) + np.arange(len(new))
        rows.append(tuple(numbers.tolist()))
        known = _joined(known, objects.chosen(new))
    return Roll(tuple(known.classes.tolist()), tuple(rows))


def _joined(one: Objects, other: Objects) -> Objects:
    masks = None
    if one.masks is not None and other.masks is not None:
        masks = np.concatenate([one.masks, other.masks])
    return replace(
        one,
        boxes=np.concatenate([one.boxes, other.boxes]),
        classes=np.concatenate([one.classes, other.classes]),
        scores=np.concatenate([one.scores, other.scores]),
        masks=masks,
        crowd=np.concatenate([one.crowd, other.crowd]),
    )
