"""The picture of how far confidences can be believed."""

from functools import partial
from pathlib import Path

import numpy as np
from pictures import check_picture

from clfer.figures import reliability


def predictions(images: int, seed: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and rights of which `shift` fewer than promised come true."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(5, 2, images).astype(np.float32)
    return confidence, rng.uniform(size=images) < confidence - shift


def test_four_variants_of_three_seeds(tmp_path: Path) -> None:
    names = ("baseline", "cl", "msr", "ours")
    variants = {
        name: [predictions(400, seed, place / 10) for seed in range(3)]
        for place, name in enumerate(names)
    }
    title = "ferplus (optimistic: checkpoint chosen on the test images)"
    check_picture(partial(reliability.draw, variants, title), tmp_path, (8.7, 7.5))


def test_one_variant_all_right_in_one_bin(tmp_path: Path) -> None:
    certain = {"baseline": [(np.ones(3, np.float32), np.ones(3, dtype=bool))]}
    title = "demo (drawn faces: not evidence for the method; optimistic: checkpoint chosen)"
    check_picture(partial(reliability.draw, certain, title), tmp_path, (5.8, 4.2))


def test_intervals_count_an_image_once_for_all_seeds(tmp_path: Path) -> None:
    """The same predictions by three seeds are no more evidence than by one: the same picture."""
    seed = predictions(300, 0, 0.1)
    once, thrice = tmp_path / "once.png", tmp_path / "thrice.png"
    reliability.draw({"ours": [seed]}, "toy", once)
    reliability.draw({"ours": [seed] * 3}, "toy", thrice)
    assert once.read_bytes() == thrice.read_bytes()
