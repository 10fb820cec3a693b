"""Small untrained models as files."""

from variants import CUT, OURS, small

from clfer.faces.preprocessing import View
from clfer.model.bundle import card, save

CLASSES = ("neutral", "happiness", "surprise")


def model(path, seed=0, classes=CLASSES, cut=CUT, about=None):
    """A small network with a head that has something to say, saved at `path`."""
    network, _ = small(OURS, seed, classes=len(classes))
    network.classifier.weight.data.mul_(20)
    made = card(
        classes, "resnet10_quarter", "small", OURS, cut, View(resize=68, crop=64), about or {}
    )
    save(network.state_dict(), made, path)
    return path
