"""The rows of each experiment: complete, valid, each cell once, with the paper's numbers."""

import pytest
from recipes import PARAMS

from clfer.datasets.expressions import FERPLUS
from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.paper import tables
from clfer.report.experiment import texts
from clfer.training.recipe import Recipe

ROWS = PARAMS["variants"]
SEVEN = tuple(name for name in FERPLUS if name != "contempt")
PLANS = {
    "table2": tables.table2(ROWS),
    "table3": tables.table3(ROWS, SEVEN, (0, 10, 30)),
    "table4": tables.table4(ROWS),
    "table5": tables.table5(ROWS),
    "table6": tables.table6(ROWS),
    "table7": tables.table7(ROWS),
    "table8": tables.table8(ROWS),
    "figure5": tables.figure5(ROWS),
    "figure8": tables.figure8(ROWS, SEVEN),
}
# cells to be trained for one seed
CELLS = {
    "table2": 6,
    "table3": 63,
    "table4": 8,
    "table5": 12,
    "table6": 3,
    "table7": 2,
    "table8": 1,
    "figure5": 2,
    "figure8": 10,
}


@pytest.mark.parametrize("name", PLANS)
def test_every_row_can_be_trained_and_no_cell_is_trained_twice(name):
    plan = PLANS[name]
    assert len(plan.variants) == CELLS[name]
    seen = {}
    for row in plan.rows:
        assert len(row.label) == len(texts(name)["columns"])
        assert set(row.paper) <= set(tables.DATASETS)
        if row.variant is None:
            continue
        assert seen.setdefault(row.variant, row.settings) == row.settings
        if row.variant in ROWS:
            assert row.settings == ROWS[row.variant]
        modules = {key: value for key, value in row.settings.items() if key != "recipe"}
        Variant.model_validate(modules)
        Recipe.model_validate({**PARAMS["recipes"]["paper"], **row.settings.get("recipe", {})})
        assert row.against is None or row.against in plan.variants
    settings = [str(one) for one in seen.values()]
    assert len(set(settings)) == len(settings)


def paper(name, dataset):
    return {row.label: row.paper[dataset] for row in PLANS[name].rows if dataset in row.paper}


def test_the_paper_s_numbers_stand_in_their_rows():
    assert paper("table4", "ferplus")["clbs", "–", "–", "yes"] == 88.58
    assert paper("table4", "affectnet")["msr_clfm", "yes", "yes", "–"] == 63.66
    assert paper("table2", "raf_db")["SimSiam", "20 % with, 80 % without"] == 83.25
    assert paper("table2", "affectnet")["CL+MSR", "20 % with labels"] == 57.43
    assert paper("table5", "raf_db")["0.01", "0.01", "0.01"] == 91.56
    assert paper("table6", "affectnet")[("centers by class (eq. 12)",)] == 63.66
    assert paper("table8", "sfew")[("CL+MSR",)] == 62.65
    third = paper("table3", "raf_db")
    assert len(third) == 63
    assert third["0 %", "sadness", "SCN"] == 78.19
    assert third["10 %", "happiness", "CL+MSR"] == 88.59
    assert third["30 %", "anger", "baseline"] == 84.62
    seventh = {row.label[0]: row.paper for row in PLANS["table7"].rows}
    assert seventh["FDRL"]["sfew"] == pytest.approx(62.16)
    assert seventh["RAN-VGG16"]["ferplus"] == pytest.approx(89.16)


def test_what_is_ours_already_is_not_trained_under_another_name():
    assert [row.label for row in PLANS["table5"].rows if row.variant == "ours"] == [
        ("0", "0.1", "0")
    ]
    assert [row.label for row in PLANS["figure8"].rows if row.variant == "ours"] == [
        ("K_FM (CLFM)", "4"),
        ("K_BS (CLBS)", "7"),
    ]


def test_partial_supervision_withholds_labels_and_drops_or_keeps_the_images():
    recipes = {row.variant: row.settings.get("recipe") for row in PLANS["table2"].rows}
    assert recipes["baseline"] is recipes["ours"] is None
    assert recipes["ours_20"] == {"labelled_fraction": 0.2, "unlabelled": "drop"}
    assert recipes["ours_20_80"] == {"labelled_fraction": 0.2, "unlabelled": "keep"}
    assert set(PLANS["table2"].variants["simsiam_20_80"]) == {"simsiam", "recipe"}


def test_fewer_rows_keep_published_ones_and_lose_comparisons_with_what_is_gone():
    some = PLANS["table4"].only(["msr", "ours"])
    assert [(row.variant, row.against) for row in some.rows] == [("msr", None), ("ours", None)]
    published = [row for row in PLANS["table7"].only(["ours"]).rows if row.variant is None]
    assert len(published) > 10


def test_leakage_compares_copies_kept_with_dropped():
    rows = tables.leakage().rows
    assert len(rows) == 12
    for row in rows:
        kept = row.label[2] == "kept"
        assert row.against == (tables.leaked(row.label[1], False) if kept else None)


def test_classes_whose_models_would_share_a_folder_are_refused():
    with pytest.raises(InputError, match="found 'sad!' and 'Sad\\?', whose models would share"):
        tables.table3(ROWS, ("sad!", "happy", "Sad?"), (0,))
