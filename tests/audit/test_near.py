"""Near duplicates: what is planted is found, what is not the same is not, nothing is missed."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clfer.audit import near as module
from clfer.audit.near import detail_agreement, near_duplicates

SIZE = 48
CROWD = 40


def crowd(count, seed=0):
    """Pictures as smooth and as detailed as faces."""
    random = np.random.default_rng(seed)

    def blurred(sigma):
        noise = cv2.GaussianBlur(random.normal(size=(SIZE, SIZE)), (0, 0), sigma)
        return noise / noise.std()

    pictures = np.stack([blurred(6) + blurred(1.5) for _ in range(count)])[..., None]
    return np.clip(128 + 40 * pictures, 0, 255).astype(np.uint8)


def pairs(faces, threshold=0.9, crops=False):
    table = near_duplicates(faces, threshold, crops)
    return {(a, b): how for a, b, *how in table.drop("correlation").iter_rows()}


def planted(face, **more):
    """The pairs of a crowd that this face is added to."""
    return pairs(np.concatenate([crowd(CROWD), face[None]]), **more)


def noisy(image, strength=10):
    noise = np.random.default_rng(5).normal(size=image.shape)
    return np.clip(image + strength * noise, 0, 255).astype(np.uint8)


CHANGES = {
    "brighter": lambda image: np.clip(image.astype(int) + 30, 0, 255).astype(np.uint8),
    "fainter": lambda image: (image // 2 + 40).astype(np.uint8),
    "noise": noisy,
    "coarser": lambda image: cv2.resize(cv2.resize(image, (24, 24)), (SIZE, SIZE))[..., None],
    "moved": lambda image: np.roll(image, 1, axis=1),
    "mirrored": lambda image: image[:, ::-1],
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_picture_changed_is_found_and_nothing_else(change):
    assert planted(CHANGES[change](crowd(8)[7])) == {(7, CROWD): [change == "mirrored", False]}


def test_a_mirrored_pair_needs_more_agreement_in_detail_than_one_in_place():
    """Frontal faces are nearly symmetric: of FERPlus's mirrored pairs that agree in detail by 0.7
    to 0.8 every second one shows two people, of those above none.
    """
    face = crowd(8)[7]
    changed = [noisy(face, strength) for strength in range(5, 60)]
    agreed = (detail_agreement(face[..., 0], one[..., 0]) for one in changed)
    doubtful = next(one for one, by in zip(changed, agreed, strict=True) if 0.71 < by < 0.79)
    assert planted(doubtful) == {(7, CROWD): [False, False]}
    assert planted(doubtful[:, ::-1]) == {}


def test_the_same_light_on_other_faces_is_no_duplicate(monkeypatch):
    """Half in shadow, which is most of what a coarse view sees; the details differ."""
    shadow = np.linspace(0, 1, SIZE)[None, :, None]
    dark = (20 + 200 * shadow + 0.06 * crowd(12, seed=1)).astype(np.uint8)
    everything = np.concatenate([dark, crowd(100, seed=2)])
    assert pairs(everything) == {}
    monkeypatch.setattr(module, "DETAIL", -1.0)
    assert len(pairs(everything)) >= 30


def test_faces_without_contrast_are_in_no_pair_and_colour_counts_as_its_grey():
    flat = np.full((3, SIZE, SIZE, 1), 100, np.uint8)
    faces = np.concatenate([crowd(10), flat, crowd(3)[2:]])
    assert pairs(faces) == pairs(np.repeat(faces, 3, axis=3)) == {(2, 13): [False, False]}
    assert near_duplicates(flat, 0.9, True).is_empty()
    assert near_duplicates(flat[:0], 0.9, True).schema == module.PAIRS


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.95))
@settings(max_examples=15)
def test_no_pair_is_missed(seed, threshold):
    """Against all pairs, one by one, of signatures computed here; blocks as small as can be."""
    faces = np.concatenate([crowd(25, seed), noisy(crowd(5, seed))])
    small = np.stack(
        [cv2.resize(f.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA) for f in faces]
    )
    small -= small.mean(axis=(1, 2), keepdims=True)
    small /= np.linalg.norm(small, axis=(1, 2), keepdims=True)
    mean = small.mean(axis=0)

    def signature(image):
        rest = (image - mean).ravel()
        return rest / np.linalg.norm(rest)

    expected = {
        (min(a, b), max(a, b))
        for a, b in itertools.permutations(range(len(faces)), 2)
        for other in (small[b], small[b][:, ::-1])
        if signature(small[a]) @ signature(other) >= threshold
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("DETAIL", -1.0), ("DETAIL_MIRRORED", -1.0), ("BLOCK", 7)):
            patch.setattr(module, name, value)
        assert {*pairs(faces, threshold)} == expected


@pytest.mark.parametrize(
    ("zoom", "right", "down"),
    [(1.1, 0, 0), (1.14, 2, -2), (1.2, -3, 3), (1.26, 0, 4), (1.0, 3, 0), (1.0, -2, 2)],
)
def test_another_crop_of_the_same_picture_is_found_among_the_crops_alone(zoom, right, down):
    """A tighter crop is enlarged; a moved one is cut from a larger picture, as two crops of one
    photograph would be.
    """
    face = crowd(10)[9, ..., 0]
    side = round(SIZE / zoom)
    room = 8 if zoom == 1 else (SIZE - side) // 2
    large = np.pad(face, 8, mode="reflect") if zoom == 1 else face
    part = large[room + down : room + down + side, room + right : room + right + side]
    other = cv2.resize(np.ascontiguousarray(part), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    assert planted(other[..., None], crops=True) == {(9, CROWD): [False, True]}
    assert planted(other[..., None]) == {}


def test_agreement_of_details_allows_a_step_and_ignores_brightness():
    one, other = crowd(2)[..., 0]
    moved = np.roll(one, (2, -2), axis=(0, 1))  # one pixel at the side of comparison
    assert detail_agreement(one, one) == pytest.approx(1)
    assert detail_agreement(one, (one // 2 + 20).astype(np.uint8)) > 0.98
    assert detail_agreement(one, moved) > 0.9
    assert detail_agreement(one, other) < 0.5
    assert detail_agreement(one, np.full_like(one, 9)) == pytest.approx(0, abs=1e-3)
