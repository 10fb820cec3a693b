"""A package's answers, in its own environment: `inside.py NAME CROPS ANSWERS WAY...`

CROPS: .npy, uint8 [N, 48, 48]. ANSWERS: .npz with `classes`, `milliseconds` (median over single
faces of the time on one core, the last way), and for each way probabilities [N, K], NaN where no
face was found.

A way is FIND and SIZE: `detect` is the documented use, with the package's own search for faces, the
first of which counts; `whole` is its own classifier and preprocessing on the crop as it is. SIZE is
the side in pixels to which a crop is enlarged before.
"""

import functools
import os
import sys
import time

import numpy as np

WAYS = ("detect 192", "whole 192", "whole 48")
TIMED = slice(20, 220)  # faces

# Each gives classes, and a function from a picture [S, S], and the same [S, S, 3] with three equal
# channels, to probabilities [K] or None without a face.


def fer(whole):
    from fer.fer import FER  # the documented `from fer import FER` fails in this version

    # by default ten pixels of border are added, which a face in a photo has and a crop has not
    peer = FER(offsets=(0, 0)) if whole else FER()
    classify = peer._classify_emotions

    def answer(grey, colour):
        kept = []  # before they are rounded to two places
        peer._classify_emotions = lambda faces: kept.append(np.array(classify(faces))) or kept[0]
        peer.detect_emotions(colour, [(0, 0, *grey.shape)] if whole else None)
        return kept[0][0] if kept else None

    return [*FER._get_labels().values()], answer


def what_the_face_classification(whole):
    import torch
    from PIL import Image
    from what_the_face_classification.inference import Image_classifier

    peer = Image_classifier()
    peer.net.eval()

    def answer(grey, colour):
        picture = Image.fromarray(colour)
        picture, found = (picture, True) if whole else peer.face_crop(picture)
        with torch.no_grad():
            probability = peer.net(peer.transform(picture)).softmax(1)[0].numpy()
        return probability if found or probability.max() >= 0.6 else None  # as `predict` has it

    return peer.classes, answer


def facial_emotion_recognition(whole):
    import torch
    from facial_emotion_recognition import EmotionRecognition

    # its weights were stored on a GPU, and it loads them without `map_location`
    torch.load = functools.partial(torch.load, map_location="cpu")
    peer = EmotionRecognition(device="cpu")

    def answer(grey, colour):
        boxes = [(0, 0, *grey.shape)] if whole else peer.mtcnn.detect(colour)[0]
        if boxes is None:
            return None
        left, top, right, bottom = np.round(np.array(boxes[0], float)).astype(int).clip(0)
        with torch.no_grad():
            face = peer.transform(grey[top:bottom, left:right])
            sigmoids = peer.network(face[None])[0].numpy()
        return sigmoids / sigmoids.sum()

    return [*peer.emotions.values()], answer


def facex(whole):
    from facex import PoolManager

    peer = PoolManager(pool_size=1).pool[0]

    def answer(grey, colour):
        found = [{"emot": peer.detect_emotion(grey)}] if whole else peer.predict(colour)
        return [*found[0]["emot"].values()] if found else None

    return peer.category, answer


def clfer(whole):
    from clfer import Predictor

    peer = Predictor(detect=False)
    return peer.classes, lambda grey, _: [*peer.faces(grey)[0].probability.values()]


def main(name, crops, target, *ways):
    # before any library starts its threads: each then sees one core
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import cv2

    answers = {}
    for way in ways:
        find, size = way.split()
        classes, answer = globals()[name.replace("-", "_")](find == "whole")
        seconds, rows = [], []
        for face in np.load(crops):
            grey = cv2.resize(face, (int(size), int(size)), interpolation=cv2.INTER_CUBIC)
            colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
            start = time.process_time()
            row = answer(grey, colour)
            seconds.append(time.process_time() - start)
            rows.append(np.full(len(classes), np.nan) if row is None else row)
        answers[way] = np.array(rows, np.float32)
    milliseconds = 1000 * np.median(seconds[TIMED])
    np.savez(target, classes=classes, milliseconds=milliseconds, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
