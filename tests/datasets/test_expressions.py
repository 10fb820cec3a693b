"""What people call the expressions, in one place."""

import re
import unicodedata

import pytest

from clfer.datasets.expressions import FERPLUS, NAMES, canonical


@pytest.mark.parametrize(  # the order of FERPLUS in every line
    "language",
    [
        "neutral happy surprise sad angry disgust fear contempt",
        "Neutral Joyful Surprised Sad Angry Disgusted Fearful Contemptuous",
        "neutral Freude Überraschung Trauer Wut Ekel Angst Verachtung",
        "neutre joie surprise tristesse colère dégoût peur mépris",
        "neutro alegría sorpresa tristeza ira asco miedo desprecio",
        "neutrale felicità sorpresa tristezza rabbia disgusto paura disprezzo",
        "neutro felicidade surpresa tristeza raiva nojo medo desprezo",
        "中性 高兴 惊讶 悲伤 愤怒 厌恶 恐惧 轻蔑",
        "中立 喜び 驚き 悲しみ 怒り 嫌悪 恐れ 軽蔑",
        "중립 행복 놀람 슬픔 분노 혐오 공포 경멸",
    ],
)
def test_every_language_names_all_eight(language):
    assert tuple(map(canonical, language.split())) == FERPLUS


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("  Angry ", "anger"),
        ("3_HAPPY", "happiness"),
        ("0-disgust", "disgust"),
        ("4: FEAR", "fear"),
        ("DEGOUT", "disgust"),
        ("en_colère", "anger"),
        ("no-expression", "neutral"),
        (unicodedata.normalize("NFD", "dégoûté"), "disgust"),
        (unicodedata.normalize("NFD", "놀람"), "surprise"),
        (unicodedata.normalize("NFD", "ニュートラル"), "neutral"),
    ],
)
def test_case_accents_codes_and_joints_do_not_matter(name, expression):
    assert canonical(name) == expression


@pytest.mark.parametrize("name", ["", "3", "-", "happy surprise", "upset", "NF", "happy3", "か"])
def test_what_is_none_of_them_or_could_be_two_is_none(name):
    assert canonical(name) is None


def test_no_name_stands_for_two_classes_nor_is_any_lost():
    for expression, text in NAMES.items():
        for word in filter(None, map(str.strip, re.split(r"[,\n]", text))):
            assert canonical(word) == expression
    assert set(NAMES) == set(FERPLUS)
