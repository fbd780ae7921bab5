"""Names with options: what they build, how they are spelled, which are refused."""

import pytest
import torch

from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, build, canonical_name, operator_spec


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("dysample@groups=8", {"groups": 8}),
        ("dysample@style=pl,groups=2", {"style": "pl", "groups": 2}),
        ("dysample@scope=0.1", {"scope": 0.1}),
        ("dysample@initial=nearest", {"initial": "nearest"}),
        ("dysample+@groups=1", {"groups": 1, "dynamic_scope": True}),
        ("dysample-s@groups=16,scope=0.5", {"style": "pl", "groups": 16, "scope": 0.5}),
    ],
)
def test_a_variant_equals_the_operator_with_these_options(name: str, wanted: dict[str, object]) -> None:
    torch.manual_seed(0)
    variant = build(name, 32)
    torch.manual_seed(0)
    expected = DySample(32, **wanted)
    assert repr(variant) == repr(expected)
    x = torch.randn(1, 32, 5, 7)
    torch.testing.assert_close(variant(x), expected(x))


@pytest.mark.parametrize(
    ("name", "canonical", "label"),
    [
        ("dysample@groups=8", "dysample@groups=8", "DySample, 8 groups"),
        ("dysample@groups=1,scope=1", "dysample@groups=1,scope=1.0", "DySample, 1 group, scope 1"),
        ("dysample@scope=1.0,groups=1", "dysample@groups=1,scope=1.0", "DySample, 1 group, scope 1"),
        ("dysample@initial=nearest", "dysample@initial=nearest", "DySample, nearest grid"),
        ("dysample@style=pl", "dysample@style=pl", "DySample, PL"),
        ("dysample-s@groups=4", "dysample@style=pl", "DySample, PL"),
        ("dysample@groups=4", "dysample", "DySample"),
        ("dysample@scope=0.25", "dysample", "DySample"),
        ("dysample@dynamic_scope=true", "dysample+", "DySample+"),
        ("dysample@dynamic_scope=true,groups=1", "dysample+@groups=1", "DySample+, 1 group"),
        ("dysample+@dynamic_scope=false", "dysample", "DySample"),
        ("dysample@groups=8,style=pl,dynamic_scope=true", "dysample-s+", "DySample-S+"),
    ],
)
def test_every_spelling_has_one_canonical_name(name: str, canonical: str, label: str) -> None:
    assert canonical_name(name) == canonical
    assert canonical_name(canonical) == canonical
    assert operator_spec(name).label == label
    assert repr(build(name, 32)) == repr(build(canonical, 32))


@pytest.mark.parametrize("name", OPERATORS)
def test_rows_keep_their_names(name: str) -> None:
    assert canonical_name(name) == name
    assert operator_spec(name) is OPERATORS[name]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no-such", "no upsampler is called 'no-such'; there are nearest, bilinear"),
        ("no-such@groups=8", "no upsampler is called 'no-such'"),
        ("carafe@groups=8", "carafe has no options, got 'groups=8'"),
        ("sapa@guide_channels=8", "sapa has no options"),
        ("dysample@", "options must be written like groups=8, got ''"),
        ("dysample@group=8", "no option 'group'; it has groups, style, dynamic_scope, scope, initial"),
        ("dysample@scale=4", "dysample has no option 'scale'"),
        ("dysample@groups", "options must be written like groups=8, got 'groups'"),
        ("dysample@groups=8,groups=4", "the option groups is given twice"),
        ("dysample@groups=many", "groups must be an integer, got 'many'"),
        ("dysample@groups=1.5", "groups must be an integer, got '1.5'"),
        ("dysample@scope=wide", "scope must be a number, got 'wide'"),
        ("dysample@dynamic_scope=yes", "dynamic_scope must be one of true, false, got 'yes'"),
        ("dysample@style=xy", "style must be one of lp, pl, got 'xy'"),
    ],
)
def test_unknown_names_and_options_are_refused(name: str, sentence: str) -> None:
    for look_up in (operator_spec, canonical_name, lambda name: build(name, 32)):
        with pytest.raises(ValueError, match=sentence):
            look_up(name)


@pytest.mark.parametrize("name", ["dysample@groups=0", "dysample@groups=5", "dysample@scope=nan"])
def test_invalid_numbers_are_refused_when_the_operator_is_built(name: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        build(name, 32)
