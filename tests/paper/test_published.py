"""The published numbers are the ones that were published."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from clfer.paper import published

DATASETS = ("raf_db", "ferplus", "sfew", "affectnet")


def test_the_tables_are_the_papers(real_data: Path) -> None:
    source = real_data.parent / "paper" / "tables.yaml"
    if not source.is_file():
        pytest.skip("there is no transcription of the paper at ../shared/paper")
    text = source.read_text().replace("affectnet7", "affectnet")
    assert published.tables() == YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_accuracy_is_complete_and_its_protocol_known_by_name(dataset: str) -> None:
    found = published.published(dataset)
    assert found[0].name == published.PAPER
    assert found[0].accuracy == pytest.approx(published.tables()["headline"][dataset] / 100)
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert 0.5 < one.accuracy < 1
        assert one.protocol in ("test", "val", "contested", "unknown")
        assert one.protocol != "contested" or one.note
    in_table = published.tables()["table7_state_of_the_art"]
    assert {name for name, row in in_table.items() if dataset in row} < {one.name for one in found}


def test_a_few_by_hand() -> None:
    by_name = {one.name: one for one in published.published("raf_db")}
    assert by_name["FDRL"] == published.Published(
        "FDRL", 0.8947, 2021, "ResNet-18", "MS_Celeb_1M", "unknown", 3068, None
    )
    assert by_name["SCN"].protocol == "test"
    assert by_name["MEK ResNet-18"].protocol == "val"
    assert by_name["ResEmoteNet"].protocol == "contested"
    ferplus = {one.name: one.images for one in published.published("ferplus")}
    assert (ferplus[published.PAPER], ferplus["SCN"]) == (3573, 3137)
    assert published.seeds_of_paper("sfew") == published.OverSeeds(0.6265, 0.0017, 10)


def test_rows_of_the_paper_by_variant() -> None:
    rows = {
        "baseline": 0.8578,
        "clbs": 0.9038,
        "clfm": 0.9034,
        "cl": 0.9094,
        "msr": 0.8740,
        "msr_clbs": 0.9188,
        "msr_clfm": 0.9169,
        "class_center": 0.8915,
        "ours": 0.9221,
    }
    for name, accuracy in rows.items():
        found = published.of_paper("raf_db", name)
        assert found is not None
        assert found.accuracy == accuracy
    assert published.of_paper("sfew", "baseline").accuracy == 0.5803
    assert published.of_paper("sfew", "msr") is published.of_paper("raf_db", "scn") is None


def test_the_papers_ferplus_accuracies_are_shares_of_its_test_set() -> None:
    """Why its test set is taken to be 3,573 images and not 3,137."""
    images = published.everything()["test_images_of_paper"]["ferplus"]
    for row in published.tables()["table4_ablation"]:
        assert round(100 * round(row["ferplus"] / 100 * images) / images, 2) == row["ferplus"]
