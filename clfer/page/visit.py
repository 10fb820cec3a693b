"""What one visitor sees, from the first picture to the last."""

import math
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from clfer.errors import trouble
from clfer.inference.predictor import Face
from clfer.page.about import facts, is_drawn
from clfer.page.observer import Attention, Observer, Sight
from clfer.page.parts import Bars, Blocks, Intake, Picture
from clfer.pictures import UnreadableError

LARGEST = 32 << 20  # bytes of a picture
CAMERA = "the webcam's picture"  # the name of pictures that come from there
DRAWN = (
    "This model was trained on drawn faces, to try the pipeline. What it says of people means "
    "nothing."
)
LIMITS = (
    "It says which expression people who label photos would most likely name. It does not know "
    "what anyone feels, how well it does for different groups of people is not known, and it is "
    "not for decisions about people."
)
PRIVACY = (
    "Pictures are looked at on {where}, in memory. They are not stored and not sent elsewhere."
)
HERE, THERE = "this computer", "the computer that serves this page"
EMPTY = "How probable each expression of a face is, and where the network looked, is shown here."
NOTHING = "No face found in {name}. Upright faces that are not too small are found best."
DEFECT = "{name} could not be looked at: a defect of clfer, which is told where it was started."
MAPS = (
    "Bright: what is there speaks for {label} (LayerCAM). Each map is scaled by its own highest "
    "value."
)
WEIGHTS = " μ is the weight that the model gives a block, from 0 to 1."
NO_MAPS = "There are no heat maps for .onnx models: these need the network itself (.safetensors)."


def said(tag: str, text: str = "") -> TextElement:
    """An HTML element with a text."""
    return TextElement(tag=tag, text=text)


class Visit:
    """A visitor's page and what is on it. address: where its pictures are sent to; local: whether
    only this machine can open it.
    """

    def __init__(self, observer: Observer, address: str, local: bool) -> None:
        self.observer, self.local, self.client = observer, local, ui.context.client
        self.sight: Sight | None = None
        self.name, self.chosen = "", 0
        with ui.element("header"):
            said("h1", "Facial expressions")
            said("p", "What a trained network reads from faces.").classes("faint")
        if is_drawn(observer.predictor):
            said("p", DRAWN).classes("warning")
        with ui.element("div").classes("columns"):
            with ui.element("section").props('aria-label="Picture"'):
                Intake(address, LARGEST).on("problem", self._trouble)
                self.status = said("p").classes("status").props("role=status")
                self.picture = Picture().on("choose", self._choose)
            with ui.element("section").props('aria-label="Chosen face"').classes("card"):
                self.empty = said("p", EMPTY)
                self.empty.classes("faint")
                with ui.element("div") as self.result:
                    self._result()
        self.result.set_visibility(False)
        with ui.element("footer"):
            self._about()

    def _result(self) -> None:
        """Room for what there is to say of a face."""
        with ui.element("div").classes("heading"):
            self.title = said("h2")
            with ui.element("div").classes("steps") as self.steps:
                self._step("‹", "Face before", -1)
                self.count = said("span")
                self._step("›", "Next face", 1)
        self.bars = Bars()
        said("h3", "Where it looked")
        self.blocks = Blocks()
        self.legend = said("p").classes("faint")

    def _step(self, sign: str, words: str, by: int) -> None:
        button = said("button", sign).props(f'type=button aria-label="{words}"')
        button.on("click", lambda: self._show(self.chosen + by), args=[])

    def _about(self) -> None:
        """What the models are, and what the page is not for."""
        predictor = self.observer.predictor
        with ui.element("div"):
            said("h2", "Model" if len(predictor.files) == 1 else "Models, averaged")
            for told in facts(predictor):
                with ui.element("dl"):
                    for heading, words in told:
                        said("dt", heading)
                        said("dd", words)
        with ui.element("div"):
            said("h2", "What it is not")
            said("p", LIMITS)
            said("h2", "Privacy")
            said("p", PRIVACY.format(where=HERE if self.local else THERE))

    async def look(self, content: bytes, name: str) -> None:
        """Show what is seen in an image file, or why it can't be read."""
        if name != CAMERA:
            self._say(f"Looking at {name} …")
        try:
            sight = await self.observer.look(content)
        except UnreadableError as error:
            self.problem(f"{name} could not be read: {str(error).lower()}.")
            return
        except Exception as error:
            self.problem(trouble(error) or DEFECT.format(name=name))
            raise
        if self.client.is_deleted:
            return
        seen = self.sight.faces if self.sight is not None and name == self.name == CAMERA else []
        self.sight, self.name = sight, name
        if count := len(sight.faces):
            self._say(f"{count} {'face' if count == 1 else 'faces'} in {name}.")
            await self._show(_next(sight.faces, seen[self.chosen] if seen else None))
            return
        self._say(NOTHING.format(name=name))
        self.picture.show(sight, name, 0, self.observer.predictor.classes)
        self.result.set_visibility(False)
        self.empty.set_visibility(True)

    def problem(self, words: str) -> None:
        """Say what is wrong; what is on the page stays."""
        self._say(words)
        self.status.classes("problem")

    def _say(self, words: str) -> None:
        self.status.classes(remove="problem")
        self.status.set_text(words)

    def _trouble(self, event: GenericEventArguments) -> None:
        self.problem(str(event.args))

    async def _choose(self, event: GenericEventArguments) -> None:
        await self._show(event.args)

    async def _show(self, face: Any) -> None:
        """Show a face of the picture, by its place; another turn than that of the faces begins at
        the other end.
        """
        sight = self.sight
        if sight is None or not sight.faces or not isinstance(face, int):
            return
        self.chosen = chosen = face % len(sight.faces)
        shown = sight.faces[chosen]
        self.picture.show(sight, self.name, chosen, self.observer.predictor.classes)
        self.title.set_text(shown.label)
        self.count.set_text(f"{chosen + 1} of {len(sight.faces)}")
        self.steps.set_visibility(len(sight.faces) > 1)
        self.bars.show(shown, f"Probability of each expression of face {chosen + 1}")
        self.empty.set_visibility(False)
        self.result.set_visibility(True)
        found = await self.observer.attention(sight, chosen)
        if self.client.is_deleted or sight is not self.sight or chosen != self.chosen:
            return  # the visitor left, or asked for another meanwhile
        self.blocks.set_visibility(found is not None)
        if found is None:
            self.legend.set_text(NO_MAPS)
            return
        self.blocks.show(found)
        self.legend.set_text(self._legend(found))

    def _legend(self, found: Attention) -> str:
        """What the maps are."""
        files, place = self.observer.predictor.files, self.observer.explained or 0
        of = f" The maps are those of {files[place].name}." if len(files) > 1 else ""
        return MAPS.format(label=found.label) + (WEIGHTS if found.mu else "") + of


def _next(faces: list[Face], before: Face | None) -> int:
    """Which face is shown first: the one nearest to where one was just seen, else the largest."""
    if before is None:
        return max(range(len(faces)), key=lambda i: _box(faces[i])[2] * _box(faces[i])[3])
    return min(range(len(faces)), key=lambda i: math.dist(_middle(faces[i]), _middle(before)))


def _middle(face: Face) -> tuple[float, float]:
    left, top, width, height = _box(face)
    return left + width / 2, top + height / 2


def _box(face: Face) -> tuple[float, float, float, float]:
    assert face.box is not None
    return face.box
