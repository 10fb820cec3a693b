"""What stands in an ONNX file, looked through before anything in it is run.

onnxruntime does what a file says: it reads weights from other files, reserves tensors of any
declared size, and looks for operators of other libraries. A file of ours says nothing of the kind.
It is read as protocol buffers are (numbered fields, one within another) without a package for it.
"""

import math
from collections.abc import Iterator

# all that networks of ours consist of, whole and quantised, also where an exporter knows neither
# folding nor our pooling; none makes a tensor out of a size
OPERATORS = {
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv",
    "DequantizeLinear", "Div", "Flatten", "Gather", "GatherND", "Gemm", "GlobalAveragePool",
    "Identity", "MatMul", "MaxPool", "Mul", "QuantizeLinear", "ReduceMean", "ReduceSum", "Relu",
    "Reshape", "Sigmoid", "Softmax", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip
DIMENSIONS = 8  # of a tensor, at most
FIELDS = 1_000_000  # in a file, at most: a ResNet-152 has some ten thousand

VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5  # kinds of fields


def metadata(content: bytes) -> dict[str, str]:
    """The metadata of a model that is whole in this file and consists of OPERATORS.

    ValueError: it is something else; the message says what, in a few words.
    """
    return _Reader().model(memoryview(content))


class _Reader:
    """Messages of onnx.proto by the numbers of their fields."""

    def __init__(self) -> None:
        self.left = FIELDS

    def model(self, message: memoryview) -> dict[str, str]:
        found: dict[str, str] = {}
        for number, value in self._fields(message):
            if number == 7:
                self._graph(_message(value))
            elif number == 14:
                entry = dict(self._fields(_message(value)))
                found[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
            elif number in (20, 25):
                raise ValueError("functions or training of its own")
        return found

    def _graph(self, message: memoryview) -> None:
        for number, value in self._fields(message):
            if number == 1:
                self._node(_message(value))
            elif number == 5:
                self._tensor(_message(value))
            elif number == 15:
                raise ValueError("sparse tensors")

    def _node(self, message: memoryview) -> None:
        for number, value in self._fields(message):
            if number == 4 and _text(value) not in OPERATORS:
                raise ValueError(f"the operator {_text(value)[:40]!r}")
            if number == 7 and _text(value) not in ("", "ai.onnx"):
                raise ValueError(f"an operator of {_text(value)[:40]!r}")
            if number == 5:
                self._attribute(_message(value))

    def _attribute(self, message: memoryview) -> None:
        for number, value in self._fields(message):
            if number in (5, 10):
                self._tensor(_message(value))
            elif number in (6, 11):
                raise ValueError("a graph within the graph")
            elif number in (22, 23):
                raise ValueError("sparse tensors")

    def _tensor(self, message: memoryview) -> None:
        """Each element takes a byte or more of the file."""
        shape: list[int] = []
        for number, value in self._fields(message):
            if number == 1:
                shape += [value] if isinstance(value, int) else self._numbers(value)
            elif number == 13 or (number == 14 and value != 0):
                raise ValueError("weights in another file")
        if len(shape) > DIMENSIONS or math.prod(shape) > len(message):
            raise ValueError("a tensor of more numbers than the file holds")

    def _numbers(self, packed: memoryview) -> list[int]:
        found: list[int] = []
        place = 0
        while place < len(packed) and len(found) <= DIMENSIONS:
            number, place = _varint(packed, place)
            found.append(number)
        return found

    def _fields(self, message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        place = 0
        while place < len(message):
            self.left -= 1
            if self.left < 0:
                raise ValueError("more parts than any network has")
            key, place = _varint(message, place)
            kind = key & 7
            value: int | memoryview
            if kind == VARINT:
                value, place = _varint(message, place)
            else:
                if kind == LENGTH:
                    size, place = _varint(message, place)
                elif kind in (EIGHT, FOUR):
                    size = 8 if kind == EIGHT else 4
                else:
                    raise ValueError("no ONNX")
                if place + size > len(message):
                    raise ValueError("no ONNX, or cut off")
                value = message[place : place + size]
                place += size
            yield key >> 3, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number at a place, seven bits a byte, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("no ONNX, or cut off")
        byte = message[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("no ONNX")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("no ONNX")
    return value


def _text(value: int | memoryview | bytes) -> str:
    if isinstance(value, int):
        raise ValueError("no ONNX")
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("no ONNX") from error
