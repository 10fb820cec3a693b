"""The page of `clfer demo`: faces, expressions and heat maps of a photo or a webcam snapshot."""

import asyncio
import base64
import io
import socket
import warnings
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from fastapi import FastAPI, Request, Response
from jaxtyping import Float, UInt8
from nicegui import ui
from nicegui.events import GenericEventArguments, UploadEventArguments
from PIL import Image
from starlette.formparsers import MultiPartParser
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from uvicorn import Config, Server

from clfer.errors import user_message
from clfer.figures.annotation import annotated
from clfer.figures.palette import COLOURS
from clfer.inference.engines import Trained
from clfer.inference.frames import Picture
from clfer.inference.predictor import Face, Predictor, cut_out
from clfer.pictures import UnreadableError, decode

LARGEST = 32 << 20  # bytes of an uploaded photo
BODY = LARGEST + (1 << 16)  # bytes of the request that has it, which names the file
SHOWN = 1600  # pixels of the longer side of a photo on the page
CARDS = 30  # faces of a photo that have bars and heat maps
OPACITY = 0.6  # of a heat map over its face
# The browser asks nobody but this server. NiceGUI compiles templates there: inline scripts, eval.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"
FOOTER = (
    "Heat maps (LayerCAM): bright parts speak for the most probable expression; μ is the weight of "
    "a block in MSR. The model says which expression most people would name, not what anyone "
    "feels; it is not for decisions about people. Photos stay in the serving computer's memory."
)
# Handlers of clicks, run in the browser; what they emit is sent to the server.
CAMERA_ON = """async () => {
  const video = document.querySelector("video");
  try {
    video.srcObject ??= await navigator.mediaDevices.getUserMedia({video: {width: 640}});
    emit("");
  } catch (error) { emit(error.message); }
}"""
SNAPSHOT = """() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  emit(canvas.toDataURL("image/jpeg", 0.92));
}"""
CAMERA_OFF = """() => {
  const video = document.querySelector("video");
  video.srcObject.getTracks().forEach((track) => track.stop());
  emit(video.srcObject = null);
}"""

MultiPartParser.spool_max_size = BODY  # so that no upload is spooled to the disk


@dataclass(frozen=True)
class Analysis:
    """A photo with boxes, its faces from left to right, and `heat_maps` of the first CARDS faces,
    which need a PyTorch model. Pictures are data URLs.
    """

    picture: str
    faces: list[Face]
    maps: list[dict[str, str]]


def analyse(predictor: Predictor, content: bytes) -> Analysis:
    """What a predictor makes of an image file. UnreadableError if it is none."""
    picture = decode(content)
    faces = predictor.faces(picture)
    trained = next((one for one in predictor.engines if isinstance(one, Trained)), None)
    maps = heat_maps(trained, picture, faces[:CARDS]) if trained and faces else []
    boxes = annotated(picture, faces, predictor.classes, minimum=0.0)
    return Analysis(data_url(boxes), faces, maps)


def heat_maps(engine: Trained, picture: Picture, faces: Sequence[Face]) -> list[dict[str, str]]:
    """For each face by captions: the face as the network takes it, and the LayerCAM of each block
    for the face's label over it.
    """
    import torch

    from clfer.explanation import class_maps, contributions, denormalised, enlarged, scaled
    from clfer.faces.views import central
    from clfer.figures.features import over

    network, card = engine.network, engine.card
    cut = np.stack([cut_out(picture, np.array(face.landmarks), card.cut) for face in faces])
    images = central(torch.from_numpy(cut).to(engine.device), card.view)
    labels = [card.classes.index(face.label) for face in faces]
    maps = class_maps(network, images, torch.tensor(labels, device=engine.device))
    with torch.inference_mode():
        blocks = contributions(network, network.features(images))
    pixels = denormalised(images).cpu().numpy()
    result = [{"face": data_url(face)} for face in _bytes(pixels)]
    for j, block in enumerate(maps):
        bright = scaled(enlarged(block, card.view.crop)).cpu().numpy()
        mixed = _bytes(over(pixels, bright, OPACITY))
        for i, pictures in enumerate(result):
            weight = f", μ {blocks[0][i, j]:.2f}" if blocks else ""
            pictures[f"block {j + 1}{weight}"] = data_url(mixed[i])
    return result


def data_url(pixels: UInt8[np.ndarray, "H W 3"]) -> str:
    """A picture, of at most SHOWN x SHOWN pixels, as a URL that holds it."""
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN, SHOWN))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _bytes(pixels: Float[np.ndarray, "*batch 3"]) -> UInt8[np.ndarray, "*batch 3"]:
    return (255 * pixels).round().astype(np.uint8)


class Page:
    """One visitor's page. model: which model answers, in a line; analyse: of a file's content."""

    def __init__(self, model: str, analyse: Callable[[bytes], Awaitable[Analysis]]) -> None:
        self._analyse = analyse
        ui.query(".nicegui-content").classes("p-0")
        ui.colors(primary=COLOURS[0])
        # The whole page lies in the uploader, which takes drops anywhere on it.
        self._upload = ui.upload(on_upload=self._uploaded, max_file_size=LARGEST, auto_upload=True)
        self._upload.on_rejected(lambda: self._say(f"Expected a photo up to {LARGEST >> 20} MiB."))
        self._upload.props("accept=image/* square flat").classes("w-full min-h-screen max-h-none")
        with self._upload.add_slot("header"), ui.row().classes("w-full items-center p-4"):
            ui.label("Drop a photo anywhere on this page").classes("text-lg mr-auto")
            with ui.button("Choose a photo").props("outline text-color=white"):
                ui.element("q-uploader-add-trigger")
            webcam = ui.button("Use the webcam").props("outline text-color=white")
            webcam.on("click", self._camera_on, js_handler=CAMERA_ON)
        with self._upload.add_slot("list"), ui.column().classes("max-w-screen-xl mx-auto p-2"):
            ui.label(model).classes("break-words max-w-full")
            self._status = ui.label("No photo yet.").classes("text-lg").props("role=status")
            with ui.row().classes("items-end") as self._camera:
                ui.element("video").props("autoplay muted playsinline").classes("w-80")
                take, stop = ui.button("Take a picture"), ui.button("Stop the webcam")
                take.on("click", self._snapshot, js_handler=SNAPSHOT)
                stop.on("click", lambda: self._camera.set_visibility(False), js_handler=CAMERA_OFF)
            self._camera.set_visibility(False)
            self._result = ui.element().classes("w-full grid lg:grid-cols-2 gap-4 items-start")
            ui.label(FOOTER).classes("text-sm opacity-70")

    def _say(self, text: str) -> None:
        self._status.set_text(text)

    async def _uploaded(self, event: UploadEventArguments) -> None:
        self._upload.reset()  # or the same file could not be dropped again
        await self._show(event.file.name, await event.file.read())

    async def _show(self, name: str, content: bytes) -> None:
        """Show the analysis of an image file, or say in a line why there is none."""
        self._say(f"{name}: looking for faces …")
        self._result.clear()
        try:
            analysis = await self._analyse(content)
        except UnreadableError as error:
            self._say(f"{name} cannot be read: {error}.")
            return
        except Exception as error:
            self._say(user_message(error) or f"{name}: a defect of clfer, see the terminal.")
            raise
        if self._result.is_deleted:  # the visitor left
            return
        self._result.clear()  # of what was dropped meanwhile
        count = len(analysis.faces)
        self._say(f"{name}: {count or 'no'} face{'s' * (count > 1)} found.")
        with self._result:
            ui.image(analysis.picture).props(f'alt="photo with {count} faces marked"')
            with ui.column():
                for i, face in enumerate(analysis.faces[:CARDS]):
                    _card(i + 1, face, analysis.maps[i] if analysis.maps else {})
                if count > CARDS:
                    ui.label(f"The other {count - CARDS} faces are left out here.")

    def _camera_on(self, event: GenericEventArguments) -> None:
        self._camera.set_visibility(not event.args)
        if event.args:
            self._say(f"No webcam: {event.args}. Browsers give it to localhost and https only.")

    async def _snapshot(self, event: GenericEventArguments) -> None:
        await self._show("Webcam", base64.b64decode(event.args.partition(",")[2]))


def _card(place: int, face: Face, maps: dict[str, str]) -> None:
    """The heat maps and bars of a face."""
    with ui.card().classes("w-full").props(f'role=group aria-label="Face {place}"'):
        ui.label(f"Face {place}: {face.label}").classes("text-lg font-medium")
        with ui.grid(columns=len(maps) or 1).classes("w-full gap-2"):
            for caption, url in maps.items():
                with ui.element("figure").classes("text-xs text-center"):
                    ui.image(url).props(f'alt="{caption}"')
                    ui.label(caption)
        with ui.grid(columns="max-content 1fr max-content").classes("w-full items-center gap-y-1"):
            for i, (name, value) in enumerate(face.probability.items()):
                colour = COLOURS[i % len(COLOURS)]
                ui.label(name)
                ui.linear_progress(value, show_value=False, size="12px", color=colour)
                ui.label(f"{value:.1%}").classes("text-right")


def serve(predictor: Predictor, model: str, visitors: socket.socket, local: bool) -> None:
    """Serve the page until interrupted. model: which one answers; local: to this machine alone."""
    worker = ThreadPoolExecutor(1)  # the predictor may be used by one thread at a time
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def answer(content: bytes) -> Awaitable[Analysis]:
        return asyncio.get_running_loop().run_in_executor(worker, analyse, predictor, content)

    @ui.page("/")
    def page() -> None:
        Page(model, answer)

    @app.middleware("http")
    async def bounded(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        size = request.headers.get("content-length", "0" if request.method == "GET" else "")
        if not size.isdecimal() or int(size) > BODY:  # without a size it may be endless
            return Response(status_code=413)
        try:
            response = await call(request)
        except ClientDisconnect:  # the visitor left during an upload
            return Response(status_code=400)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    # a page elsewhere may have its name point here (DNS rebinding)
    hosts = ["localhost", "[::1]", visitors.getsockname()[0]] if local else ["*"]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    # NiceGUI looks through all objects for its server, also through deprecated ones
    warnings.filterwarnings("ignore", category=FutureWarning, module="nicegui")
    ui.run_with(app, title="clfer demo", favicon="🙂", dark=None, show_welcome_message=False)
    Server(Config(app, log_level="warning", timeout_graceful_shutdown=2)).run(sockets=[visitors])
