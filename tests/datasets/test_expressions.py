"""What people call the expressions, in one place."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.datasets import expressions
from clfer.datasets.expressions import FERPLUS, NAMES, canonical

# As dictionaries and other datasets' folders have them; the order of FERPLUS in every line.
LANGUAGES = {
    "FER2013": ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
    "adjectives": (
        "Neutral",
        "Joyful",
        "Surprised",
        "Sad",
        "Angry",
        "Disgusted",
        "Fearful",
        "Contemptuous",
    ),
    "German": ("neutral", "Freude", "Überraschung", "Trauer", "Wut", "Ekel", "Angst", "Verachtung"),
    "French": ("neutre", "joie", "surprise", "tristesse", "colère", "dégoût", "peur", "mépris"),
    "Spanish": ("neutro", "alegría", "sorpresa", "tristeza", "ira", "asco", "miedo", "desprecio"),
    "Italian": (
        "neutrale",
        "felicità",
        "sorpresa",
        "tristezza",
        "rabbia",
        "disgusto",
        "paura",
        "disprezzo",
    ),
    "Portuguese": (
        "neutro",
        "felicidade",
        "surpresa",
        "tristeza",
        "raiva",
        "nojo",
        "medo",
        "desprezo",
    ),
    "Chinese": ("中性", "高兴", "惊讶", "悲伤", "愤怒", "厌恶", "恐惧", "轻蔑"),
    "Japanese": ("中立", "喜び", "驚き", "悲しみ", "怒り", "嫌悪", "恐れ", "軽蔑"),
    "Korean": ("중립", "행복", "놀람", "슬픔", "분노", "혐오", "공포", "경멸"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_all_eight(language):
    assert tuple(map(canonical, LANGUAGES[language])) == FERPLUS


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("ANGER", "anger"),
        ("  Angry ", "anger"),
        ("3_happy", "happiness"),
        ("0 - Angry", "anger"),
        ("07.Neutral", "neutral"),
        ("(1) sad", "sadness"),
        ("4: FEAR", "fear"),
        ("AFRAID", "fear"),
        ("colere", "anger"),
        ("DEGOUT", "disgust"),
        ("Ueberraschung", "surprise"),
        ("en_colère", "anger"),
        ("no-expression", "neutral"),
        (unicodedata.normalize("NFD", "dégoûté"), "disgust"),
        (unicodedata.normalize("NFD", "놀람"), "surprise"),
        (unicodedata.normalize("NFD", "ニュートラル"), "neutral"),
    ],
)
def test_case_accents_codes_and_joints_do_not_matter(name, expression):
    assert canonical(name) == expression


NONE = ["", "3", "-", "happy surprise", "happily surprised", "sad angry", "upset", "shock"]
NONE += ["content", "confused", "unknown", "NF", "cat", "happy3", "か"]


@pytest.mark.parametrize("name", NONE)
def test_what_is_none_of_them_or_could_be_two_is_none(name):
    assert canonical(name) is None


def test_no_name_stands_for_two_classes_nor_is_any_lost():
    words = {
        word.strip(): expression
        for expression, text in NAMES.items()
        for word in re.split(r"[,\n]", text)
        if word.strip()
    }
    assert {word: canonical(word) for word in words} == words
    assert set(words.values()) == set(FERPLUS) == set(NAMES)


def test_a_name_of_two_classes_means_neither(monkeypatch):
    monkeypatch.setitem(NAMES, "fear", "fear, shock")
    monkeypatch.setitem(NAMES, "surprise", "surprise, Shock")
    named = expressions._named()
    assert "shock" not in named
    assert (named["fear"], named["surprise"]) == ("fear", "surprise")


@given(st.sampled_from(FERPLUS), st.integers(0, 99), st.sampled_from(["_", " - ", ".", " ", "-"]))
def test_any_leading_code(name, code, joint):
    assert canonical(f"{code}{joint}{name.upper()}") == name


def test_the_code_tables():
    """RAF-DB's readme has 1 surprise to 7 neutral; AffectNet's codes 0 neutral to 7 contempt."""
    assert dict(enumerate(expressions.RAF_DB, start=1)) == {
        1: "surprise",
        2: "fear",
        3: "disgust",
        4: "happiness",
        5: "sadness",
        6: "anger",
        7: "neutral",
    }
    assert dict(enumerate(expressions.AFFECTNET)) == {
        0: "neutral",
        1: "happiness",
        2: "sadness",
        3: "surprise",
        4: "fear",
        5: "disgust",
        6: "anger",
        7: "contempt",
    }
    folders = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    assert tuple(map(canonical, folders)) == expressions.SFEW
