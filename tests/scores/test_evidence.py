"""The evidence of a task: rows from runs, the file and back, and what is refused."""

import json
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dysample.scores.depth import METRICS
from dysample.scores.evidence import (
    EvidenceError,
    RunResult,
    evidence_row,
    evidence_table,
    read_evidence,
    write_evidence,
)
from dysample.scores.paired import paired_difference, ratios_of_means
from dysample.scores.scorers import SCORERS
from dysample.scores.specs import SCORES
from tests.scores.evidence import HEADLINE, counts, made_evidence, made_run
from tests.scores.rows import ROWS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of evidence."""
    path = tmp_path / "made" / "evidence.json"
    write_evidence(path, made_evidence())
    return path


def test_a_row_sums_up_its_runs():
    row = made_evidence().rows[1]
    assert row.seeds == (0, 1)
    assert row.minutes == 3
    assert row.commands[1].endswith("--seed 1")
    value = row.scores[0]
    ours = {seed: counts(seed, 0.4 + seed / 100) for seed in (0, 1)}
    theirs = {seed: counts(seed, 0.3 + seed / 100) for seed in (0, 1)}
    assert value.spread.values == (ours[0].score, ours[1].score)
    assert value.spread.deviation == pytest.approx(statistics.stdev(value.spread.values))
    assert value.difference == paired_difference(ours, theirs)
    assert value.per_class == pytest.approx((0.405, 0.405, 0.405, None), abs=0.005)


def test_there_is_no_difference_without_a_pair():
    bilinear, _, alone = made_evidence().rows
    assert bilinear.scores[0].difference is None
    assert alone.scores[0].difference is None
    assert alone.scores[0].spread.deviation is None


def test_depth_has_no_classes():
    values = np.random.default_rng(0).random((20, len(METRICS)))
    run = RunResult(0, tuple(ratios_of_means(column) for column in values.T), "train", "cpu", 1.0)
    row = evidence_row("bilinear", [run], (), trained="heads", headline=METRICS)
    assert [value.spread.mean for value in row.scores] == pytest.approx(values.mean(0))
    assert {value.per_class for value in row.scores} == {()}
    evidence = replace(made_evidence(), kind="depth", classes=(), headline=METRICS, rows=(row,))
    assert "AbsRel ↓" in evidence_table(evidence)


def test_every_score_of_the_paper_s_depth_table_is_known():
    assert SCORERS["depth"].headline == METRICS
    assert tuple(spec.name for spec in SCORES if spec.name in METRICS) == METRICS


def test_every_score_is_in_the_headline_of_one_kind():
    scorings = dict(ROWS) | dict(SCORERS)
    names = [name for scoring in scorings.values() for name in scoring.headline]
    assert sorted(names) == sorted(spec.name for spec in SCORES)


def test_noise_is_that_of_the_typical_row():
    evidence = made_evidence()
    deviations = [statistics.stdev(row.scores[0].spread.values) for row in evidence.rows[:2]]
    assert evidence.noise("miou", "heads") == pytest.approx(statistics.fmean(deviations))
    assert evidence.noise("miou", "end-to-end") is None


def test_noise_of_known_runs():
    """Runs of one upsampler scatter by 0.02 around means that differ."""
    rng = np.random.default_rng(1)
    rows = []
    for name in ("nearest", "bilinear", "carafe"):
        runs = [
            RunResult(seed, (ratios_of_means(np.array([rng.normal(len(name), 0.02)])),), "", "", 0.0)
            for seed in range(300)
        ]
        rows.append(evidence_row(name, runs, (), trained="heads", headline=("rms",)))
    evidence = replace(made_evidence(), kind="depth", classes=(), headline=("rms",), rows=tuple(rows))
    assert evidence.noise("rms", "heads") == pytest.approx(0.02, rel=0.1)


def test_a_file_reads_as_it_was_written(path: Path):
    assert read_evidence(path) == made_evidence()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    write_evidence(path, read_evidence(path))
    assert read_evidence(path) == made_evidence()


def test_an_interrupted_writer_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_evidence(path, replace(made_evidence(), rows=()))
    assert read_evidence(path) == made_evidence()


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(EvidenceError, match=r"no evidence in .*nothing\.json: run `python -m dysample"):
        read_evidence(tmp_path / "nothing.json")


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_cut_file(path: Path, share: float):
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: int(share * len(text))], encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"evidence\.json is damaged"):
        read_evidence(path)


def test_a_binary_file(path: Path):
    path.write_bytes(bytes(range(256)))
    with pytest.raises(EvidenceError, match="is damaged"):
        read_evidence(path)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("task",), 3, "task must be text, got 3"),
        (("kind",), "colouring", "kind must be 'segmentation' or 'depth' or "),
        (("kind",), "depth", "headline must name scores of depth"),
        (("headline",), ["miou", "ap"], "no score is called 'ap'"),
        (("headline",), [], "headline must name scores"),
        (("pictures",), 0, "at least 1"),
        (("pictures",), 30.5, "pictures must be a whole number"),
        (("pictures",), True, "pictures must be a whole number"),
        (("rows",), {}, "rows must be a list"),
        (("reference",), "bicubic", "no upsampler is called 'bicubic'"),
        (("rows", 0, "upsampler"), "bicubic", "no upsampler is called 'bicubic'"),
        (("rows", 1, "upsampler"), "bilinear", "must differ"),
        (("rows", 0, "trained"), "tail", r"rows\[0\]\.trained must be 'heads' or 'end-to-end'"),
        (("rows", 0, "seeds"), [1, 0], "must ascend"),
        (("rows", 0, "seeds"), [0, 1, 2], "a command and a device for each"),
        (("rows", 0, "minutes"), float("inf"), "must be finite, got Infinity"),
        (("rows", 0, "minutes"), -1, "at least 0"),
        (("rows", 0, "scores"), [], "must have the scores"),
        (("rows", 0, "scores", 0, "spread", "values"), [0.3], "for each of the seeds"),
        (("rows", 0, "scores", 0, "spread", "mean"), 0.9, "the mean and the deviation of its values"),
        (("rows", 0, "scores", 0, "spread", "deviation"), None, "the mean and the deviation of its values"),
        (("rows", 0, "scores", 1, "per_class"), [0.5], "each of 4 classes"),
        (("rows", 1, "scores", 0, "difference", "low"), 0.9, "lower end"),
        (("rows", 1, "scores", 0, "difference", "low"), "0.1", r"difference\.low must be a number"),
    ],
)
def test_damage_is_named(path: Path, where: tuple, value: object, message: str):
    plain = json.loads(path.read_text(encoding="utf-8"))
    place = plain
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    path.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(EvidenceError, match=message):
        read_evidence(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plain: plain.pop("split"), "the whole has no 'split'"),
        (lambda plain: plain["rows"][2].update(note=""), r"rows\[2\] has an unknown 'note'"),
    ],
)
def test_missing_and_unknown_keys_are_named(path: Path, change, message: str):
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(EvidenceError, match=message):
        read_evidence(path)


def test_what_cannot_be_a_row_is_refused():
    with pytest.raises(ValueError, match="one run for every seed"):
        evidence_row("bilinear", [made_run(0, 0.3)] * 2, (), trained="heads", headline=HEADLINE)
    with pytest.raises(ValueError, match="one run for every seed"):
        evidence_row("bilinear", [], (), trained="heads", headline=HEADLINE)
    with pytest.raises(ValueError, match="must have the scores"):
        evidence_row("bilinear", [made_run(0, 0.3)], (), trained="heads", headline=HEADLINE[:1])


def test_the_table():
    evidence = made_evidence()
    lines = evidence_table(evidence).splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in table]
    assert {len(line) for line in lines if line.startswith("|")} == {len(lines[4])}
    assert cells[0][:5] == ["Upsampler", "Trained", "Seeds", "mIoU (%) ↑", "less Bilinear"]
    assert [row[0] for row in cells[2:]] == ["Bilinear", "DySample, 8 groups", "DySample+"]
    spread, found = evidence.rows[1].scores[0].spread, evidence.rows[1].scores[0].difference
    deviation = statistics.stdev(spread.values)
    assert cells[3][3] == f"{100 * spread.mean:.2f} ± {100 * deviation:.2f}"
    assert cells[3][4] == f"+{100 * found.value:.2f} [+{100 * found.low:.2f}, +{100 * found.high:.2f}]"
    assert cells[2][4] == "–"
    assert cells[4][1:3] == ["end to end", "1"]
    assert "With one seed" in lines[-3]
    assert lines[-1].startswith("5 runs, 8 minutes of training (one of two cores). The JSON")
