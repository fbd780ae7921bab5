"""Networks by name: all that are offered can be made, and others are refused with a reason."""

import pytest
import segmentation_models_pytorch as smp
import torch

from dysample.cli.swap import make_model
from dysample.models.smp import FAMILIES, smp_model, smp_name, smp_options


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_its_encoders(family: str) -> None:
    for encoder in FAMILIES[family].encoders:
        if encoder.startswith("mit_"):  # it looks at numbers while it is made
            continue
        with torch.device("meta"):
            model = smp_model(smp_name(family, encoder))
        assert isinstance(model, getattr(smp, family))


@pytest.mark.parametrize("family", ["Segformer", "FPN"])
def test_transformer_encoders(family: str) -> None:
    assert isinstance(make_model(f"smp:{family}:mit_b0"), getattr(smp, family))


def test_nothing_is_downloaded() -> None:
    assert all(smp_options(family)["encoder_weights"] is None for family in [*FAMILIES, "PSPNet"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smp:Unet:resnet999", "Unet cannot have the encoder 'resnet999'"),
        ("smp:UnetPlusPlus:mit_b0", "UnetPlusPlus cannot have the encoder 'mit_b0'"),
        ("smp:Linknet:mit_b0", "Linknet cannot have the encoder 'mit_b0'"),
        ("smp:Unet", "named as in smp:Unet:resnet18"),
        ("smp:create_model:resnet18", "with a class of SMP"),
    ],
)
def test_what_there_is_not_is_a_sentence(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        smp_model(name)
