"""The expression classes, what people call them, and each dataset's own order of them."""

import re
import unicodedata

# The eight emotions in FER+'s order, which is also the order of its vote columns.
FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")

# FER+ votes have two more columns: no rater could tell, and "not a face".
UNKNOWN = "unknown"
NOT_A_FACE = "NF"
FERPLUS_VOTES = (*FERPLUS, UNKNOWN, NOT_A_FACE)

# FER2013's own codes 0..6.
FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

# RAF-DB's own codes 1..7.
RAF_DB = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")

# SFEW has no codes but folders: Angry, Disgust, Fear, Happy, Neutral, Sad, Surprise.
SFEW = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")

# AffectNet's own codes 0..7; 8 is none of these, 9 uncertain, 10 not a face.
AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")

# English, German, French, Spanish, Italian, Portuguese, Chinese, Japanese, Korean.
# What could mean two classes (shock, upset, content) stands nowhere.
NAMES = {
    "neutral": """
        neutral, neutrality, no expression, expressionless, neutralität, ausdruckslos, neutre,
        neutralité, neutro, neutra, neutralidad, neutrale, neutralità, neutralidade, 中性, 中立,
        平静, 平靜, 无表情, 無表情, 真顔, ニュートラル, 중립, 무표정""",
    "happiness": """
        happiness, happy, joy, joyful, smile, smiling, freude, glück, glücklich, fröhlich,
        freudig, joie, joyeux, joyeuse, heureux, heureuse, bonheur, alegría, alegre, feliz,
        felicidad, felicità, felice, gioia, gioioso, alegria, felicidade, 高兴, 高興, 快乐, 快樂,
        开心, 開心, 喜悦, 喜悅, 幸福, 幸せ, 喜び, 嬉しい, うれしい, 행복, 기쁨""",
    "surprise": """
        surprise, surprised, surprising, astonishment, astonished, überraschung, überrascht,
        ueberraschung, ueberrascht, erstaunen, erstaunt, surpris, étonnement, étonné, sorpresa,
        sorprendido, sorprendida, sorpreso, stupore, surpresa, surpreso, 惊讶, 驚訝, 惊奇, 驚奇,
        吃惊, 吃驚, 驚き, おどろき, 놀람, 놀라움""",
    "sadness": """
        sadness, sad, sorrow, trauer, traurig, traurigkeit, tristesse, triste, tristeza,
        tristezza, 悲伤, 悲傷, 伤心, 傷心, 难过, 難過, 悲しみ, 悲しい, かなしみ, 슬픔""",
    "anger": """
        anger, angry, rage, wut, wütend, wuetend, ärger, aerger, ärgerlich, zorn, zornig, colère,
        fâché, en colère, ira, enojo, enojado, enfado, enfadado, cólera, rabbia, arrabbiato,
        collera, raiva, zangado, 愤怒, 憤怒, 生气, 生氣, 怒り, 怒, いかり, 분노, 화남""",
    "disgust": """
        disgust, disgusted, disgusting, ekel, angeekelt, dégoût, dégoûté, asco, disgusto,
        disgustato, nojo, repulsa, 厌恶, 厭惡, 恶心, 噁心, 嫌悪, 嫌悪感, 혐오""",
    "fear": """
        fear, fearful, afraid, scared, frightened, angst, ängstlich, aengstlich, furcht, peur,
        effrayé, apeuré, miedo, temor, asustado, paura, impaurito, timore, medo, assustado, 恐惧,
        恐懼, 害怕, 恐怖, 恐れ, おそれ, 공포, 두려움""",
    "contempt": """
        contempt, contemptuous, scorn, verachtung, verächtlich, veraechtlich, mépris, méprisant,
        desprecio, despectivo, disprezzo, sprezzante, desprezo, 轻蔑, 輕蔑, 蔑视, 蔑視, 軽蔑,
        경멸""",
}

CODE = re.compile(r"^[(\[]?\d+[)\]]?[\s_.:-]*")  # such as "3_", "0 - ", "(1) "
ACCENTS = range(0x300, 0x370)  # of Latin letters: Japanese and Korean marks are part of the letter


def canonical(name: str) -> str | None:
    """The one of FERPLUS that a name means, in any of the languages of NAMES; None where it is none
    of them, or could be two.

    Case, accents, a leading code and the way of joining words do not matter.
    """
    return _CLASSES.get(_plain(CODE.sub("", name.strip())))


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFD", name.casefold())
    bare = "".join(letter for letter in letters if ord(letter) not in ACCENTS)
    return " ".join(re.split(r"[\s_-]+", unicodedata.normalize("NFC", bare)))


_CLASSES = {
    _plain(name.strip()): expression
    for expression, names in NAMES.items()
    for name in re.split(r"[,\n]", names)
    if name.strip()
}
