"""Tables of labels and pixels: whatever their bytes are, a table or one clear line."""

import numpy as np
import pytest
from fer2013_forms import FORMS, npz, official
from image_trees import array, plant
from mutations import attack, broken

from clfer.datasets import affectnet, fer2013, images, raf_db, source
from clfer.datasets.fer2013 import PIXELS
from clfer.datasets.votes import HEADER, read_layout, read_votes
from clfer.progress import silent

VOTES = (
    ",".join(HEADER)
    + "\nTraining,fer0000000.png,4,0,0,1,3,2,0,0,0,0\nPublicTest,,10,0,0,0,0,0,0,0,0,0\n"
    + 'PrivateTest,"fer0000002.png",6,0,1,1,0,0,0,0,1,1\n'
).encode()
LAYOUT = b'fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0\n' * 2
RAF_LIST = b"train_00001.jpg 5\ntrain_00002.jpg 1\ntest_0001.jpg 4\n"
POINTS = b"60.5\t52.25\n30\t50\n46 64\n58\t80\n33.5\t79\n1\n0\n3\n"
BOX = b"20 10 70.5 90\n"
MARKS = ";".join(str(10.5 + i * 7 % 90) for i in range(136))
AFFECTNET = (
    ",".join(affectnet.COLUMNS)
    + f"\n1/a.jpg,1,2,30,40,{MARKS},0,0.1,-0.2\n2/b.jpg,1,2,30,40,{MARKS},10,0.1,-0.2\n"
    + "3/c.jpg,NULL,NULL,NULL,NULL,null,3,0.1,-0.2\n"
).encode()
NPY = [array(3), array("3"), array(np.arange(136.0)), array(np.arange(136.0).astype(str))]


def uncompressed(**changed):
    """A fer2013.npz whose arrays can be reached by a change of a byte."""
    return npz(pixels=np.zeros((5, 48, 48), np.uint8), **changed)


def named(name, inputs):
    return inputs.map(lambda content: (name, content))


FER2013 = {
    "fer2013 csv": named("fer2013.csv", broken(official(), FORMS["icml_face_data.csv"])),
    "fer2013 csv, its start": named("a.csv", broken(official(), FORMS["copy.csv"], reach=300)),
    "fer2013 npz": named("a.npz", broken(FORMS["fer2013.npz"], uncompressed())),
    "fer2013 npz, its end": named(
        "a.npz", broken(uncompressed()[::-1], reach=1200).map(lambda end: end[::-1])
    ),
    "fer2013 npz, its start": named("a.npz", broken(uncompressed(), reach=300)),
}


@pytest.mark.parametrize("form", FER2013)
def test_fer2013(form, tmp_path):
    def read(given):
        name, content = given
        (tmp_path / name).write_bytes(content)
        fer2013.find(tmp_path)
        found = fer2013.read(tmp_path / name)
        rows = len(found.usage)
        assert found.pixels.shape == (rows, 48, 48)
        assert found.pixels.size == rows * PIXELS
        assert found.emotion.shape == (rows,)
        assert set(found.usage) <= set(fer2013.USAGE)
        assert not rows or 0 <= found.emotion.min() <= found.emotion.max() <= 6

    attack(form, FER2013[form], read, 80)


@pytest.mark.parametrize(("read", "valid"), [(read_votes, VOTES), (read_layout, LAYOUT)])
def test_votes(read, valid, tmp_path):
    def checked(content):
        (tmp_path / "votes.csv").write_bytes(content)
        votes = read(tmp_path / "votes.csv")["votes"].to_list()
        assert all(0 <= vote <= 10 for row in votes for vote in row)

    attack(read.__name__, broken(valid), checked, 300)


def raw(folder, files):
    """A folder as `fetch` leaves it, with these lists of labels in it."""
    plant(folder, {f"{source.COPIES}/{name}": content for name, content in files.items()})
    folder.mkdir(exist_ok=True)
    (folder / images.FOLDER).write_text("there\n")
    return folder


def test_the_list_of_raf_db(tmp_path):
    def read(content):
        found = raf_db._listed(raw(tmp_path, {raf_db.LISTS[0]: content}))
        assert set(found["usage"]) <= {"train", "test"}
        assert not found["label"].null_count()

    attack("RAF-DB list", broken(RAF_LIST), read, 300)


@pytest.mark.parametrize(("ending", "valid"), [("_manu_attri", POINTS), ("_boundingbox", BOX)])
def test_the_annotations_of_raf_db(ending, valid, tmp_path):
    def read(content):
        folder = plant(tmp_path, {f"train_00001{ending}.txt": content})
        source.gather(raw(tmp_path / "raw", {}), folder, [f"train_00001{ending}.txt"], silent)
        found = raf_db._annotations(tmp_path / "raw")
        for kind in ("landmarks", "box"):
            assert all(np.isfinite(row).all() for row in found[kind].drop_nulls().to_list())

    attack(f"RAF-DB {ending}", broken(valid), read, 200)


def test_the_lists_of_affectnet(tmp_path):
    def read(content):
        found = affectnet.read_lists(
            raw(tmp_path, {"training.csv": AFFECTNET, "validation.csv": content}), affectnet.LISTS
        )
        assert found["code"].is_between(0, 10).all()
        for kind in ("landmarks", "box"):
            assert all(np.isfinite(row).all() for row in found[kind].drop_nulls().to_list())

    attack("AffectNet csv", broken(AFFECTNET), read, 200)


@pytest.mark.parametrize("ending", ["_exp", "_lnd"])
def test_the_arrays_of_affectnet(ending, tmp_path):
    def read(content):
        files = {"_exp": array(3), "_lnd": array(np.arange(136.0)), ending: content}
        paths = [f"train_set/annotations/1{end}.npy" for end in files]
        plant(tmp_path, dict(zip(paths, files.values(), strict=True)))
        source.gather(raw(tmp_path / "raw", {}), tmp_path, paths, silent)
        found = affectnet.read_arrays(tmp_path / "raw")
        assert found["code"].is_between(0, 10).all()
        assert all(np.isfinite(row).all() for row in found["landmarks"].drop_nulls().to_list())

    attack(f"AffectNet {ending}.npy", broken(*NPY), read, 200)
