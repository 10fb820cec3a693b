"""The expression classes, and each dataset's own order of them."""

# The eight emotions in FER+'s order, which is also the order of its vote columns.
FERPLUS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)

# FER+ votes have two more columns: no rater could tell, and "not a face".
UNKNOWN = "unknown"
NOT_A_FACE = "NF"
FERPLUS_VOTES = (*FERPLUS, UNKNOWN, NOT_A_FACE)

# FER2013's own codes 0..6.
FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
