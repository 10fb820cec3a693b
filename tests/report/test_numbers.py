"""Numbers and sentences as a reader sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markup import read

from clfer.report import numbers


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (numbers.percent(0.66517), "66.52"),
        (numbers.percent(None), "–"),
        (numbers.points(0.012), "+1.20"),
        (numbers.probability(0.0004), "p < 0.001"),
        (numbers.probability(0.0537), "p = 0.054"),
        (numbers.probability(0.25), "p = 0.25"),
        (numbers.probability(None), "–"),
        (numbers.share({"mean": 0.5, "std": None}), "50.00"),
        (numbers.share({"mean": 0.5, "std": 0.01}), "50.00 ± 1.00"),
        (numbers.share(None), "–"),
        (numbers.between([0.1, 0.25]), "[10.00, 25.00]"),
        (numbers.change([-0.1, 0.25]), "-10.00 to +25.00"),
        (numbers.between(None), ""),
        (numbers.count(28558), "28,558"),
        (numbers.marked("sfew", True, "val"), "sfew"),
        (
            numbers.marked("demo", False, "test"),
            f"demo ({numbers.NOT_EVIDENCE}; {numbers.OPTIMISTIC})",
        ),
    ],
)
def test_numbers(made: str, text: str) -> None:
    assert made == text


def test_cells_that_stand_to_the_right() -> None:
    right = ["87.63", "-1.2 (-3 to +1)", "+0.5", "< 0.001", "", "–", ".5", "12 %", "p = 0.05"]
    left = ["ours", "ResNet-18", "✓", "p", "- none"]
    assert [cell for cell in right + left if numbers.numeric(cell)] == right


@given(st.text("ab `<>&\"'%", max_size=20))
def test_prose_is_words_and_code_and_a_percent_sign_is_not_left_alone(text: str) -> None:
    root = read(str(numbers.prose(text)))
    assert {one.tag for one in root.every()} <= {"code"}
    read_back = "".join(
        one if isinstance(one, str) else f"`{''.join(map(str, one.children))}`"
        for one in root.children
    )
    assert read_back == text.replace(" %", "\u00a0%")
    assert numbers.prose("`a < b` of `c`") == "<code>a &lt; b</code> of <code>c</code>"
