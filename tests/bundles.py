"""Small untrained models as files, and how a command refuses."""

import pytest
from variants import CUT, OURS, small

from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.model.bundle import card, save

CLASSES = ("neutral", "happiness", "surprise")
SCRFD = "weights/insightface/det_500m.onnx"  # below the real data


def model(path, seed=0, classes=CLASSES, cut=CUT, about=None, variant=OURS):
    """A small network with a head that has something to say, saved at `path`."""
    network, _ = small(variant, seed, classes=len(classes))
    network.classifier.weight.data.mul_(20)
    view = View(resize=68, crop=64)
    made = card(classes, "resnet10_quarter", "small", variant, cut, view, about or {})
    save(network.state_dict(), made, path)
    return path


def refusal(call, *given, **options):
    """The one line with which a call refuses."""
    with pytest.raises(InputError) as error:
        call(*given, **options)
    assert "\n" not in str(error.value)
    return str(error.value)
