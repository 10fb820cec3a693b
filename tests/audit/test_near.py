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


def face(random):
    """Something as smooth and as detailed as a face."""
    coarse = cv2.GaussianBlur(random.normal(size=(SIZE, SIZE)), (0, 0), 6)
    fine = cv2.GaussianBlur(random.normal(size=(SIZE, SIZE)), (0, 0), 1.5)
    mixed = coarse / coarse.std() + fine / fine.std()
    return np.clip(128 + 40 * mixed, 0, 255).astype(np.uint8)


def crowd(count, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([face(random) for _ in range(count)])[..., None]


def found(faces, threshold=0.9, crops=False):
    pairs = near_duplicates(faces, threshold, crops)
    return {(a, b): m for a, b, m in pairs.select("a", "b", "mirrored").iter_rows()}


def noisy(image):
    noise = np.random.default_rng(5).normal(0, 10, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


CHANGES = {
    "brighter": lambda image: np.clip(image.astype(int) + 30, 0, 255).astype(np.uint8),
    "fainter": lambda image: (image // 2 + 40).astype(np.uint8),
    "noise": noisy,
    "coarser": lambda image: cv2.resize(cv2.resize(image, (24, 24)), (SIZE, SIZE))[..., None],
    "moved": lambda image: np.roll(image, 1, axis=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_picture_changed_is_found_and_nothing_else(change):
    faces = crowd(40)
    changed = CHANGES[change](faces[7])
    assert found(np.concatenate([faces, changed[None]])) == {(7, 40): False}


def test_a_mirrored_picture_is_found_as_such():
    faces = crowd(40)
    assert found(np.concatenate([faces, faces[3:4, :, ::-1]])) == {(3, 40): True}


def test_a_mirrored_pair_needs_more_agreement_in_detail_than_one_in_place():
    """Frontal faces are nearly symmetric: of FERPlus's mirrored pairs that agree in detail by 0.7
    to 0.8 every second one shows two people, of those above none.
    """
    faces = crowd(40)
    noise = np.random.default_rng(5).normal(size=faces[7].shape)
    doubtful = next(
        changed
        for strength in range(5, 60)
        for changed in [np.clip(faces[7] + strength * noise, 0, 255).astype(np.uint8)]
        if 0.71 < detail_agreement(faces[7, ..., 0], changed[..., 0]) < 0.79
    )
    assert found(np.concatenate([faces, doubtful[None]])) == {(7, 40): False}
    assert found(np.concatenate([faces, doubtful[None, :, ::-1]])) == {}


def test_the_same_light_on_other_faces_is_no_duplicate():
    """Half in shadow, which is most of what a coarse view sees; the details differ."""
    shadow = np.linspace(0, 1, SIZE)[None, :, None]
    dark = (20 + 200 * shadow + 0.06 * crowd(12, seed=1)[..., :]).astype(np.uint8)
    others = crowd(100, seed=2)
    everything = np.concatenate([dark, others])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DETAIL", -1.0)
        assert len(found(everything)) >= 30
    assert found(everything) == {}


def test_faces_without_contrast_are_in_no_pair():
    faces = crowd(10)
    flat = np.full((3, SIZE, SIZE, 1), 100, np.uint8)
    assert found(np.concatenate([faces, flat, faces[2:3]])) == {(2, 13): False}
    assert near_duplicates(flat, 0.9, True).is_empty()
    assert near_duplicates(flat[:0], 0.9, True).schema == module.PAIRS


def test_colour_counts_as_its_grey():
    faces = crowd(10)
    colour = np.repeat(faces, 3, axis=3)
    assert found(np.concatenate([colour, colour[4:5]])) == {(4, 10): False}


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.95))
@settings(max_examples=15, deadline=None)
def test_no_pair_is_missed(seed, threshold):
    """Against all pairs, one by one, of signatures computed here; blocks as small as can be."""
    faces = np.concatenate([crowd(25, seed), CHANGES["noise"](crowd(5, seed))])
    small = np.stack(
        [cv2.resize(f.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA) for f in faces]
    )
    small -= small.mean(axis=(1, 2), keepdims=True)
    small /= np.linalg.norm(small, axis=(1, 2), keepdims=True)
    mean = small.mean(axis=0)

    def signature(image):
        rest = (image - mean).ravel()
        return rest / np.linalg.norm(rest)

    expected = set()
    for a, b in itertools.permutations(range(len(faces)), 2):
        for other in (small[b], small[b][:, ::-1]):
            if signature(small[a]) @ signature(other) >= threshold:
                expected.add((min(a, b), max(a, b)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DETAIL", -1.0)
        patch.setattr(module, "DETAIL_MIRRORED", -1.0)
        patch.setattr(module, "BLOCK", 7)
        assert set(found(faces, threshold)) == expected


def cut(image, zoom, right, down):
    """What a tighter crop of the same photograph shows: enlarged, and off its middle."""
    side = round(SIZE / zoom)
    left, top = ((SIZE - side) // 2 + step for step in (right, down))
    part = np.ascontiguousarray(image[top : top + side, left : left + side, 0])
    return cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)[..., None]


@pytest.mark.parametrize(
    "crop", [(1.1, 0, 0), (1.14, 2, -2), (1.2, -3, 3), (1.26, 0, 4), (1.0, 3, 0), (1.0, -2, 2)]
)
def test_another_crop_of_the_same_picture_is_found_among_the_crops_alone(crop):
    """The moved ones are cut from a larger picture, as two crops of one photograph would be."""
    zoom, right, down = crop
    faces = crowd(40)
    if zoom > 1:
        other = cut(faces[9], *crop)
    else:
        large = np.pad(faces[9, ..., 0], 8, mode="reflect")
        other = large[8 + down : 8 + down + SIZE, 8 + right : 8 + right + SIZE, None]
    everything = np.concatenate([faces, other[None]])
    pairs = near_duplicates(everything, 0.9, crops=True)
    assert pairs.select("a", "b").rows() == [(9, 40)]
    assert pairs["cropped"].to_list() == [True]
    assert found(everything) == {}


def test_agreement_of_details_allows_a_step_and_ignores_brightness():
    one, other = crowd(2)[..., 0]
    moved = np.roll(one, (2, -2), axis=(0, 1))  # one pixel at the side of comparison
    dim = (one // 2 + 20).astype(np.uint8)
    assert detail_agreement(one, one) == pytest.approx(1)
    assert detail_agreement(one, dim) > 0.98
    assert detail_agreement(one, moved) > 0.9
    assert detail_agreement(one, other) < 0.5
    flat = np.full((SIZE, SIZE), 9, np.uint8)
    assert detail_agreement(one, flat) == pytest.approx(0, abs=1e-3)
