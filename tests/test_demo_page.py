"""The page of `clfer demo`: what it shows, what it refuses, and whom it serves."""

import asyncio
import base64
import copy
import http.client
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from resource import RLIMIT_FSIZE, setrlimit

import cv2
import numpy as np
import pytest
from bundles import SCRFD, refusal
from bundles import model as saved
from checkouts import ROOT
from PIL import Image
from variants import CUT

from clfer.datasets.demo.drawing import face
from clfer.datasets.expressions import FERPLUS
from clfer.inference.predictor import Predictor, cut_out
from clfer.pictures import UnreadableError

pytest.importorskip("nicegui")

from nicegui import __version__, ui
from nicegui.elements.progress import LinearProgress
from nicegui.elements.upload_files import SmallFileUpload
from nicegui.testing.user_simulation import user_simulation

from clfer import demo_page
from clfer.demo_page import BODY, LARGEST, SHOWN, Page, analyse
from pipeline.demo import demo

# a runner of tests may have interrupts ignored
MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipeline.app import main
main()
"""
DROP = """([content, x, y]) => {
    const dataTransfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    dataTransfer.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
    const send = (kind) => document.elementFromPoint(x, y).dispatchEvent(
        new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
    send("dragover");
    return new Promise((done) => setTimeout(() => done(send("drop")), 300));
}"""


def drawn(*seeds):
    """Drawn faces beside each other, each 260 pixels wide, grey."""
    faces = [face(np.random.default_rng(seed), "happiness", 1.0).image for seed in seeds]
    large = [cv2.resize(one, (200, 200), interpolation=cv2.INTER_CUBIC) for one in faces]
    framed = [np.pad(one, ((60, 60), (30, 30)), constant_values=200) for one in large]
    return np.concatenate(framed, axis=1)


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def pixels(url):
    assert url.startswith("data:image/jpeg;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained network whose card says that it was trained on drawn faces."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    known = {"dataset": "demo", "variant": "ours", "seed": 0}
    return saved(path, classes=FERPLUS, about=known)


@pytest.fixture(scope="module")
def predictor(model, real_data):
    return Predictor(model, detector=real_data / SCRFD, device="cpu")


def test_it_shows_the_faces_of_the_predictor_and_heat_maps_of_those_faces(predictor):
    picture = drawn(0, 1, 5)
    found = analyse(predictor, png(picture))
    assert found.faces == predictor.faces(picture)
    assert len(found.faces) == len(found.maps) == 3
    assert pixels(found.picture).shape == (*picture.shape, 3)
    for one, maps in zip(found.faces, found.maps, strict=True):
        names = [re.fullmatch(r"face|block (\d), μ 0\.\d\d", name) for name in maps]
        assert [name and name[1] for name in names] == [None, "1", "2", "3", "4"]
        assert len(set(maps.values())) == 5
        shown = pixels(maps["face"]).mean(axis=2)
        cut = cut_out(picture, np.array(one.landmarks), CUT)[..., 0]
        large = cv2.resize(cut, (68, 68), interpolation=cv2.INTER_AREA)[2:66, 2:66]
        assert np.corrcoef(shown.ravel(), large.ravel())[0, 1] > 0.98
    assert found.maps[0]["face"] != found.maps[2]["face"]
    assert all(weight.grad is None for weight in predictor.engines[0].network.parameters())


def test_a_large_photo_is_smaller_and_not_every_face_has_heat_maps(predictor, monkeypatch):
    monkeypatch.setattr(demo_page, "CARDS", 1)
    found = analyse(predictor, png(np.kron(drawn(0, 1), np.ones((5, 5), np.uint8))))
    assert pixels(found.picture).shape == (round(1600 * SHOWN / 2600), SHOWN, 3)
    assert (len(found.faces), len(found.maps)) == (2, 1)
    assert analyse(predictor, png(np.zeros((1, 9), np.uint8))).maps == []  # no face
    trained = predictor.engines[0]

    class Exported:  # no network of PyTorch
        card = trained.card

        def __call__(self, faces):
            return trained(faces)

    other = copy.copy(predictor)
    other.engines = [Exported()]
    found = analyse(other, png(drawn(0, 1)))
    assert (len(found.faces), found.maps) == (2, [])
    with pytest.raises(UnreadableError, match="no image"):
        analyse(other, b"<svg>")


def test_one_line_says_what_became_of_an_upload(predictor):
    """And as many bars and pictures stand below it as there are to show."""
    failures = {b"full": MemoryError(), b"defect": KeyError("x")}
    cases = [
        (b"no picture", "<b>.png cannot be read: no image.", [0, 0]),
        (png(drawn(0, 1)), "<b>.png: 2 faces found.", [16, 11]),
        (png(drawn(0)), "<b>.png: 1 face found.", [8, 6]),
        (png(np.full((90, 90), 200, np.uint8)), "<b>.png: no face found.", [0, 1]),
        (b"full", "memory: expected enough", [0, 0]),
        (b"defect", "<b>.png: a defect of clfer", [0, 0]),
    ]

    async def answer(content):
        if content in failures:
            raise failures[content]
        return analyse(predictor, content)

    async def visit():
        async with user_simulation(lambda: Page("Model: x", answer) and None) as user:
            await user.open("/")
            (upload,) = user.find(ui.upload).elements
            for content, line, shown in cases:
                await upload.handle_uploads([SmallFileUpload("<b>.png", "image/png", content)])
                await user.should_see(line, retries=100)
                elements = list(user.client.elements.values())
                kinds = (LinearProgress, ui.image)
                assert [sum(isinstance(one, kind) for one in elements) for kind in kinds] == shown

    asyncio.run(visit())


class Served:
    """`clfer demo` in a process of its own, until `end`."""

    def __init__(self, folder, model, real_data, *words):
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        words = ["--model", model, "--detector", real_data / SCRFD, "--device", "cpu", *words]
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "demo", "--no-open", "--port", "0", *map(str, words)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: setrlimit(RLIMIT_FSIZE, (1 << 20, 1 << 20)),  # no photo is written
        )
        line = self.process.stdout.readline()
        found = re.match(r"page: (http://[\w.]+:(\d+)) \(Ctrl-C ends it\)", line)
        assert found, (line, self.process.kill(), self.process.stderr.read())
        self.address, self.port = found[1], int(found[2])

    def ask(self, path="/", method="GET", body=None, **headers):
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()

    def end(self, how=signal.SIGTERM):
        """What it writes on standard error, ended by a signal."""
        self.process.send_signal(how)
        try:
            written = self.process.communicate(timeout=30)[1]
        finally:
            self.process.kill()
        assert self.process.returncode == 128 + how, written
        return written


@pytest.fixture(scope="module")
def served(model, real_data, tmp_path_factory):
    """A server which in the end has said nothing but its model, and written no file."""
    folder = tmp_path_factory.mktemp("folder")
    served = Served(folder, model, real_data)
    yield served
    written = served.end()
    first, second = (line for line in written.splitlines() if "not found" not in line)
    assert first.startswith("model: ")
    assert second.startswith("warning: this model was trained on drawn faces")
    assert os.listdir(folder) == []


def test_the_page_names_its_model_and_asks_nobody_else(served):
    status, headers, text = served.ask(Host=f"localhost:{served.port}")
    assert status == 200
    line = "Model: model.safetensors, ours on demo, seed 0 (drawn faces: it knows no people)."
    assert line in text
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "//" not in headers["content-security-policy"]


def test_no_other_file_is_served_and_nothing_to_a_page_whose_name_points_here(served):
    static = f"/_nicegui/{__version__}/static"
    for path in (
        "/docs",
        "/clfer/demo_page.py",
        "//etc/passwd",
        "/../../etc/passwd",
        f"{static}{8 * '/..'}/etc/passwd",
        f"{static}/{7 * '..%2f'}etc/passwd",
    ):
        assert served.ask(path)[0] == 404, path
    assert served.ask(Host="evil.example")[0] == 400


def test_uploads_are_bounded(served):
    (path,) = re.findall(r"/_nicegui/client/[\w-]+/upload/\d+", served.ask()[2])
    start = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for status, body, headers in (
        (200, start + bytes(LARGEST) + b"\r\n--x--\r\n", {}),
        (413, None, {"Content-Length": str(BODY + 1)}),
        (413, b"1\r\nx\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}),  # endless
    ):
        assert served.ask(path, "POST", body, **form, **headers)[0] == status
    with socket.create_connection(("127.0.0.1", served.port)) as leaving:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
        leaving.sendall(f"{head}Content-Type: {form['Content-Type']}\r\n\r\n--x".encode())
    assert served.ask()[0] == 200


@pytest.mark.slow
def test_others_are_let_in_with_a_warning_and_ctrl_c_ends_it(model, real_data, tmp_path):
    served = Served(tmp_path, model, real_data, "--host", "0.0.0.0")
    assert served.address == f"http://localhost:{served.port}"
    assert served.ask(Host="laptop.example")[0] == 200
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(15).startswith(b"HTTP/1.1 200")
        written = served.end(signal.SIGINT)
    assert "warning: whoever can reach this computer" in written
    assert "Traceback" not in written


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 390])
def test_photos_and_webcam_in_a_browser(served, width, tmp_path):
    """In Chromium, with a drawn face before its camera."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("there is no chromium")
    film = tmp_path / "face.mjpeg"
    film.write_bytes(20 * cv2.imencode(".jpg", drawn(5))[1].tobytes())
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    flags += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags += [f"--use-file-for-fake-video-capture={film}"]
    with playwright.sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": width, "height": 900})
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else 0)
        page.goto(served.address)

        def wait(line):
            page.get_by_role("status").get_by_text(line, exact=True).wait_for(timeout=30_000)

        wait("No photo yet.")
        for name, content, line in [
            ("three.png", png(drawn(0, 1, 5)), "three.png: 3 faces found."),
            ("bad.png", b"no picture", "bad.png cannot be read: no image."),
            ("huge.png", bytes(LARGEST + 1), "Expected a photo up to 32 MiB."),
        ]:
            (tmp_path / name).write_bytes(content)
            page.locator("input[type=file]").set_input_files(tmp_path / name)
            wait(line)

        for seeds, y, found in (([0], 20, "1 face"), ([0, 1], 880, "2 faces")):  # on a result too
            page.evaluate(DROP, [base64.b64encode(png(drawn(*seeds))).decode(), width // 2, y])
            wait(f"dropped.png: {found} found.")
        faces = page.get_by_role("group", name="Face")
        assert faces.count() == 2
        assert faces.get_by_role("progressbar").count() == 16
        page.get_by_alt_text("photo with 2 faces marked").wait_for()
        assert page.get_by_alt_text("block 4").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        other = browser.new_page()  # another visitor sees nothing of that
        other.goto(served.address)
        other.get_by_role("status").get_by_text("No photo yet.").wait_for()

        page.get_by_role("button", name="Use the webcam").click()
        page.wait_for_function("document.querySelector('video').videoWidth > 0")
        page.evaluate("window.track = document.querySelector('video').srcObject.getTracks()[0]")
        page.get_by_role("button", name="Take a picture").click()
        wait("Webcam: 1 face found.")
        page.get_by_role("button", name="Stop the webcam").click()
        page.wait_for_function("window.track.readyState == 'ended'")
        browser.close()
    own = (served.address, f"blob:{served.address}", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert wrong == []


def test_what_stops_it_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal(demo, port=port)
    assert said.startswith(f"--host 127.0.0.1 --port {port}: ")
    assert "already in use; name another" in said
    said = refusal(demo, host="192.0.2.1", port=0)
    assert said.startswith("--host 192.0.2.1 --port 0: expected an address")
