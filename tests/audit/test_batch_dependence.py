import numpy as np

from clfer.audit.batch_dependence import dependence

LABEL = np.arange(90) % 3
FACES = np.random.default_rng(0).integers(0, 256, (90, 4, 4, 1), np.uint8)
LOGITS = {face.tobytes(): 1.5 * np.eye(3)[c] for face, c in zip(FACES, LABEL, strict=True)}
NOISE = dict(zip(LOGITS, np.random.default_rng(1).normal(size=(90, 3)), strict=True))


def softmax(logits):
    raised = np.exp(logits)
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def own(faces):
    return np.array([LOGITS[face.tobytes()] + NOISE[face.tobytes()] for face in faces])


def test_a_model_that_looks_at_each_image_by_itself_does_not_depend_on_the_batch():
    for one in dependence(lambda faces: softmax(own(faces)), FACES, LABEL, batch=30):
        assert (one.depends, one.changed, one.difference) == (False, 0, 0)
        assert one.accuracy == one.alone == np.mean(own(FACES).argmax(1) == LABEL)


def test_a_head_that_adds_its_batchs_mean_is_caught_and_gains_where_classes_are_sorted():
    shuffled, by_class = dependence(
        lambda faces: softmax(own(faces) + own(faces).mean(axis=0)), FACES, LABEL, batch=30
    )
    assert (shuffled.order, by_class.order) == ("shuffled", "sorted")
    assert shuffled.depends
    assert by_class.depends
    assert by_class.accuracy > by_class.alone + 0.1
    assert by_class.changed > shuffled.changed > 0


def test_answers_that_are_no_numbers_count_as_dependent():
    def broken(faces):
        return np.full((len(faces), 3), np.nan if len(faces) > 1 else 1 / 3, np.float32)

    assert all(one.depends for one in dependence(broken, FACES, LABEL))
