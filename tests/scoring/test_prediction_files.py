"""Files of predictions from elsewhere: what is read, on which images, and what is refused."""

import csv
import json
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from clfer.datasets.expressions import FERPLUS, RAF_DB
from clfer.errors import InputError
from clfer.scoring.answers import Truth, read
from clfer.scoring.prediction_files import listed, mapping, named

N, FIRST = 60, 100  # test images, and the row of the first
generator = np.random.default_rng(0)
TARGET = generator.dirichlet(np.ones(8), N).astype(np.float32)
GUESS = generator.dirichlet(np.ones(8), N).astype(np.float32)
GUESS[:30] = TARGET[:30]
LABEL = [FERPLUS[code] for code in TARGET.argmax(1)]
ANSWER = [FERPLUS[code] for code in GUESS.argmax(1)]
ROWS = list(range(FIRST, FIRST + N))


def name_of(row):
    return f"fer{row:07}.png"


def images(classes=FERPLUS, target=TARGET, label=LABEL):
    return pl.DataFrame(
        {
            "row": ROWS,
            "group": ROWS,
            "unique": True,
            "label": pl.Series(label, dtype=pl.Enum(classes)),
            "target": pl.Series(target, dtype=pl.Array(pl.Float32, len(classes))),
        }
    )


# of 200 images of the dataset, the last 60 but 40 are test images
TRUTH = Truth(
    "ferplus",
    images(),
    pl.DataFrame({"row": range(200), "name": [name_of(row) for row in range(200)]}),
)


def lines(key="row", probability=True, label=True, rows=ROWS):
    keys = {"row": rows, "name": [name_of(one) for one in rows]}
    keys["file"] = [f"/data/Test/{one}" for one in keys["name"]]
    found = {key: keys[key]}
    if label:
        found["label"] = ANSWER[: len(rows)]
    if probability:
        found |= {f"probability_{c}": GUESS[: len(rows), i] for i, c in enumerate(FERPLUS)}
    return pl.DataFrame(found)


def written(folder, frame, suffix):
    path = folder / f"mine{suffix}"
    match suffix:
        case ".csv" | ".tsv":
            frame.write_csv(path, separator="\t" if suffix == ".tsv" else ",")
        case ".parquet":
            frame.write_parquet(path)
        case ".json":
            path.write_text(json.dumps(frame.to_dicts()))
        case ".jsonl":
            frame.write_ndjson(path)
        case ".npz":
            arrays = {name: np.array(frame[name].to_list()) for name in frame.columns}
            with zipfile.ZipFile(path, "w") as archive:  # np.savez takes no array called `file`
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w") as file:
                        np.save(file, array)
    return path


def csv_of(folder, text):
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def one_of(path, test=TRUTH, **meaning):
    return read(path, test, meaning)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".jsonl", ".npz"])
@pytest.mark.parametrize("key", ["row", "name", "file"])
def test_each_format_gives_the_same_table_in_the_order_of_the_images(tmp_path, suffix, key):
    shuffled = lines(key).sample(fraction=1, shuffle=True, seed=1)
    found = one_of(written(tmp_path, shuffled, suffix))
    assert found.predictions["row"].to_list() == ROWS
    assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER
    np.testing.assert_allclose(found.predictions["probability"].to_numpy(), GUESS, atol=1e-6)
    assert found.predictions.drop("predicted", "probability").equals(TRUTH.images)
    assert (found.missing, found.beside, found.unknown, found.labels_only) == (0, 0, 0, False)
    assert found.coverage(TRUTH) == ""


def test_answers_alone_are_certain_of_themselves(tmp_path):
    found = one_of(written(tmp_path, lines(probability=False), ".csv"))
    assert found.labels_only
    assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER
    assert set(found.predictions["probability"].to_numpy().ravel()) == {0, 1}


def test_cells_and_tables_of_ours_are_read_as_they_are(tmp_path):
    """The truth in `label` beside `predicted` is not taken for an answer."""
    np.savez(tmp_path / "a.npz", val=GUESS[:3], test=GUESS)
    ours = TRUTH.images.with_columns(
        predicted=pl.Series(ANSWER, dtype=pl.Enum(FERPLUS)),
        probability=pl.Series(GUESS, dtype=pl.Array(pl.Float32, 8)),
    )
    ours.write_parquet(tmp_path / "b.parquet")
    for name in ("a.npz", "b.parquet"):
        found = one_of(tmp_path / name)
        assert np.array_equal(found.predictions["probability"].to_numpy(), GUESS)  # to the last bit
        assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER


def test_names_of_classes_in_other_words_and_by_a_mapping(tmp_path):
    german = ["Neutral", "Freude", "Überraschung", "Trauer", "Wut", "Ekel", "Angst", "Verachtung"]
    german = dict(zip(FERPLUS, german, strict=True))
    words = lines(probability=False).with_columns(pl.col("label").replace_strict(german))
    found = one_of(written(tmp_path, words, ".csv"))
    assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER
    codes = lines(probability=False).with_columns(
        pl.col("label").replace_strict({name: i for i, name in enumerate(FERPLUS)})
    )
    path = written(tmp_path, codes, ".csv")
    with pytest.raises(InputError, match=r"the name of a class, found '\d'.*--mapping"):
        one_of(path)
    (tmp_path / "map.json").write_text(json.dumps(dict(enumerate(FERPLUS))))
    with (tmp_path / "map.csv").open("w") as file:
        csv.writer(file).writerows(enumerate(FERPLUS))
    for name in ("map.json", "map.csv"):
        found = read(path, TRUTH, mapping(tmp_path / name))
        assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER


def test_a_tool_of_seven_classes_is_scored_on_the_images_of_these(tmp_path):
    """Its probabilities need not be in our order, and may come with an array's own classes."""
    seven = [FERPLUS.index(one) for one in RAF_DB]
    given = GUESS[:, seven] / GUESS[:, seven].sum(1, keepdims=True)
    np.savez(tmp_path / "mine.npz", row=ROWS, probability=given, classes=np.array(RAF_DB))
    found = one_of(tmp_path / "mine.npz")
    kept = [one != "contempt" for one in LABEL]
    assert found.predictions["row"].to_list() == [r for r, k in zip(ROWS, kept, strict=True) if k]
    said = found.predictions["predicted"].cast(pl.String).to_list()
    assert said == [RAF_DB[code] for code in given[kept].argmax(1)]
    assert found.coverage(TRUTH) == "7 of 8 classes"
    assert found.missing == 0


def test_some_of_the_classes_of_a_dataset_that_has_its_own_words(tmp_path):
    own = [name.title() for name in FERPLUS]
    truth = replace(TRUTH, images=images(own, label=[name.title() for name in LABEL]))
    some = lines(label=False).drop("probability_contempt")
    total = pl.sum_horizontal(pl.col("^probability_.*$"))
    path = written(tmp_path, some.with_columns(pl.col("^probability_.*$") / total), ".csv")
    found = one_of(path, truth)
    assert found.coverage(truth) == "7 of 8 classes"
    assert len(found.predictions) == sum(one != "contempt" for one in LABEL)


def test_of_equally_probable_classes_the_label_is_the_answer(tmp_path):
    """As where two decimals are left of the probabilities."""
    tied = np.zeros((N, 8))
    tied[np.arange(N), GUESS.argmax(1)] = tied[np.arange(N), GUESS.argmin(1)] = 0.5
    columns = {f"probability_{c}": tied[:, i] for i, c in enumerate(FERPLUS)}
    found = one_of(written(tmp_path, lines().with_columns(**columns), ".csv"))
    assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER
    np.testing.assert_allclose(found.predictions["probability"].to_numpy(), tied, atol=1e-6)


def test_names_of_digits_accents_and_of_images_in_folders(tmp_path):
    names = [f"{row % 8}é/{row // 8:04}.png" for row in range(200)]
    truth = replace(TRUTH, rows=TRUTH.rows.with_columns(name=pl.Series(names)))
    there = names[FIRST : FIRST + N]
    for keys in (there, [f"/my/{n}" for n in there], [n.replace("é", "e\u0301") for n in there]):
        path = written(tmp_path, lines().drop("row").with_columns(file=pl.Series(keys)), ".csv")
        assert one_of(path, truth).predictions["row"].to_list() == ROWS
    truth = replace(TRUTH, rows=TRUTH.rows.with_columns(name=pl.format("{}.png", "row")))
    zeros = truth.rows.with_columns(name=pl.col("name").str.zfill(8))
    text = "".join(f"{row:04},{answer}\n" for row, answer in zip(ROWS, ANSWER, strict=True))
    path = csv_of(tmp_path, f"\ufeffname,label\n{text}\n\n")  # and empty lines at the end
    assert one_of(path, replace(truth, rows=zeros)).missing == 0


def test_files_that_windows_marks_as_utf_8(tmp_path):
    for suffix in (".csv", ".json", ".jsonl"):
        path = written(tmp_path, lines(), suffix)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert one_of(path).missing == 0


def test_the_classes_of_an_array_are_those_of_every_line(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, row=ROWS, probability=GUESS[:, ::-1], classes=np.array(FERPLUS[::-1], "S9"))
    assert one_of(path).predictions["predicted"].cast(pl.String).to_list() == ANSWER
    path = tmp_path / "mine.parquet"
    back = [FERPLUS[::-1]] * N
    given = pl.DataFrame({"row": ROWS, "probability": GUESS[:, ::-1]})
    for kind in (pl.List(pl.String), pl.Array(pl.String, 8)):
        given.with_columns(classes=pl.Series(back, dtype=kind)).write_parquet(path)
        assert one_of(path).predictions["predicted"].cast(pl.String).to_list() == ANSWER
    for other in (None, FERPLUS):
        given.with_columns(classes=pl.Series([*back[1:], other])).write_parquet(path)
        with pytest.raises(InputError, match="the same classes in every line"):
            one_of(path)


def test_a_part_says_so_and_other_images_are_counted(tmp_path):
    rows = [3, 5, *ROWS[:40], 5000]
    path = written(tmp_path, lines(rows=rows, probability=False), ".csv")
    found = one_of(path)
    assert (found.missing, found.beside, found.unknown) == (20, 2, 1)
    assert found.first_unknown == "5000"
    assert found.coverage(TRUTH) == "40 of 60 test images"
    assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER[2:42]


def test_rounded_probabilities_are_made_whole(tmp_path):
    rounded = lines(label=False).with_columns(pl.col("^probability_.*$").round(3))
    found = one_of(written(tmp_path, rounded, ".csv"))
    np.testing.assert_allclose(found.predictions["probability"].to_numpy().sum(1), 1, atol=1e-3)


def changed(**columns):
    return lines().with_columns(**columns)


REFUSED = {
    "labels of another set": (lines(probability=False).with_columns(label=pl.lit("cat")), "'cat'"),
    "a column of text": (changed(probability_fear=pl.lit("x")), "a column of something else"),
    "two rows of one image": (pl.concat([lines(), lines()[:1]]), "1 that repeat .*first: 100"),
    "sums of 2": (changed(probability_fear=pl.lit(2.0)), "sum to 1.*60 lines.*line 1"),
    "a negative one": (changed(probability_fear=pl.lit(-1.0)), "sum to 1"),
    "no number": (changed(probability_fear=pl.lit(float("nan"))), "sum to 1"),
    "an answer missing": (
        lines(probability=False).with_columns(
            label=pl.when(pl.col("row") != 103).then(pl.col("label"))
        ),
        "1 without .*first: line 4",
    ),
    "another than the likeliest": (changed(label=pl.lit("fear")), "the label that is most prob"),
    "no answers": (lines().select("row"), "`label`, or a column probability_CLASS"),
    "no key": (lines().drop("row"), "a column row, name or file"),
    "rows of half": (changed(row=pl.col("row") + 0.5), "whole numbers as row"),
    "rows of a million": (
        pl.DataFrame({"row": range(1_000_000), "label": "fear"}),
        "images of ferplus; found 999,800 of 1,000,000",
    ),
    "names of others": (
        lines("name").with_columns(name=pl.lit("other_") + pl.col("name")),
        "images of ferplus by name",
    ),
    "names that steer a terminal": (
        lines("name").with_columns(name=pl.col("name") + "\x1b[31m"),
        "printable letters as name",
    ),
    "no lines": (lines()[:0], "a line for each image"),
    "a class twice unknown": (
        lines(label=False).rename({"probability_fear": "probability_wrath"}),
        "'wrath'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_said_in_one_line(tmp_path, what):
    frame, said = REFUSED[what]
    with pytest.raises(InputError, match=said) as error:
        one_of(written(tmp_path, frame, ".csv"))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "mine.csv"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"\xff\xfe\x00"),
        ("a.csv", b""),
        ("a.json", b"{"),
        ("a.json", b'{"row": 1}'),
        ("a.json", b"[" * 100_000),
        ("a.parquet", b"PAR1"),
        ("a.npz", b"PK"),
        ("a.xlsx", b""),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: expected") as error:
        one_of(tmp_path / name)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="found none"):
        one_of(tmp_path / "none.csv")


def test_columns_of_lists_are_no_images_and_no_answers(tmp_path):
    """And a column that happens to be called `classes` is none of an array's."""
    listed = {"row": pl.Series([[1]] * N)}, {"name": pl.Series([[1]] * N)}
    for number, columns in enumerate((*listed, {"label": pl.Series([{"a": 1}] * N)})):
        path = tmp_path / f"{number}.parquet"
        lines("name", probability=False).with_columns(**columns).write_parquet(path)
        with pytest.raises(InputError) as error:
            one_of(path)
        assert "\n" not in str(error.value)
    ours = TRUTH.images.drop("label", "target").with_columns(
        probability=pl.Series(GUESS, dtype=pl.Array(pl.Float32, 8)), classes=pl.lit("all")
    )
    ours.write_parquet(tmp_path / "own.parquet")
    found = one_of(tmp_path / "own.parquet")
    assert found.predictions["predicted"].cast(pl.String).to_list() == ANSWER


def test_a_pickle_is_not_run(tmp_path):
    np.savez(tmp_path / "a.npz", row=np.array([{}], dtype=object), label=np.array(["fear"]))
    with pytest.raises(InputError, match="something else"):
        one_of(tmp_path / "a.npz")


def test_numbers_at_the_end_of_names_are_seeds(tmp_path):
    files = [tmp_path / one for one in ("ours-0.csv", "ours-1.csv", "fer_25.csv", "x.csv")]
    assert named(files, []) == [("ours", 0), ("ours", 1), ("fer_25", 0), ("x", 0)]
    assert named(files[:3], ["a", "b", "a"]) == [("a", 0), ("b", 0), ("a", 1)]
    assert named(files[:2], ["resnet-18", "resnet-50"]) == [("resnet-18", 0), ("resnet-50", 0)]
    cells = [tmp_path / f"msr/{seed}/predictions.npz" for seed in (3, 1)]
    for cell in cells:  # as DVC leaves them with links into its cache
        cell.parent.mkdir(parents=True)
        cell.symlink_to(tmp_path / "files/md5" / cell.parent.name)
    assert named(cells, []) == [("msr", 3), ("msr", 1)]
    for wrong, said in ((["a"], "one for each of 2"), (["a\x1b", "b"], "printable")):
        with pytest.raises(InputError, match=said):
            named(files[:2], wrong)
    with pytest.raises(InputError, match="a name of its own"):
        named([files[3], tmp_path / "other/x.csv"], [])


def test_folders_stand_for_their_files(tmp_path):
    for name in ("msr/0/predictions.npz", "msr/1/predictions.npz", "msr/1/other.csv", "b/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert listed([tmp_path / "msr"]) == [tmp_path / f"msr/{i}/predictions.npz" for i in (0, 1)]
    both = [tmp_path / "b/x.csv", tmp_path / "c.csv"]
    assert listed([tmp_path / "b", tmp_path / "c.csv"]) == both
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found none"):
        listed([tmp_path / "empty"])
