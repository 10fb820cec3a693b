"""The page of `clfer demo` as a visitor uses it, in headless Chromium."""

import os
import re
import shutil
import signal

import cv2
import numpy as np
import pytest
from demo_server import CLASSES, Served, drawn, model, until, video
from serving import serving

from clfer.inference.predictor import Predictor
from clfer.page.visit import LARGEST

pytestmark = pytest.mark.slow

pytest.importorskip("nicegui")
playwright = pytest.importorskip("playwright.sync_api")

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def detector(real_data):
    return real_data / "weights/insightface/det_500m.onnx"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for the server's working directory, home and temporary files, which stay empty."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def address(detector, weights, place, tmp_path_factory):
    served = Served(
        *("--model", str(weights), "--detector", str(detector), "--device", "cpu"),
        folder=place,
        HOME=str(place),
        TMPDIR=str(place),
        XDG_CACHE_HOME=str(place / "cache"),
        MPLCONFIGDIR=str(tmp_path_factory.mktemp("matplotlib")),
    )
    yield served.address
    status, said = served.end()
    assert status == 128 + signal.SIGTERM, said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium whose camera sees a drawn face."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no chromium")
    film = video(tmp_path_factory.mktemp("film") / "face.y4m", drawn(5))
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as playing:
        browser = playing.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={film}"],
        )
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS)
def page(request, browser, address):
    """A visitor's page, which asks nobody but the server and has nothing to complain about."""
    yield from visited(browser, address, request.param)


@pytest.fixture
def other(browser, address):
    yield from visited(browser, address, WIDTHS[0])


def visited(browser, address, width):
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else 0)
    page.goto(address)
    page.get_by_text("Drop a photo here").wait_for()
    page.asked, page.wrong = asked, wrong
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
    ours = (address, address.replace("http", "ws", 1), "data:", f"blob:{address}")
    assert asked
    assert [url for url in asked if not url.startswith(ours)] == []
    assert wrong == []


def photo(path, picture):
    cv2.imwrite(str(path), picture)
    return path


def put(page, path, words):
    """Choose a file, and wait until these words stand on the page."""
    page.get_by_label("Photo").set_input_files(path)
    page.get_by_role("status").get_by_text(words).wait_for(timeout=30_000)


def shown(page):
    """The names and numbers beside the bars, and how many pixels of 1000 each bar has."""
    rows = page.locator(".bars tr").all()
    names = [row.locator("th").inner_text() for row in rows]
    return dict(zip(names, [row.locator(".number").inner_text() for row in rows], strict=True))


def words(face):
    return {name: f"{100 * value:.1f} %" for name, value in face.probability.items()}


def test_faces_are_shown_chosen_and_explained(page, weights, detector, tmp_path):
    picture = photo(tmp_path / "three.png", drawn(0, 1, 5))
    faces = Predictor(weights, detector=detector, device="cpu").faces(picture)
    assert len({str(words(face)) for face in faces}) == 3
    put(page, picture, "3 faces in three.png.")
    page.get_by_role("radio", name="Face 2").click()
    page.get_by_text("2 of 3").wait_for()
    assert list(shown(page)) == list(CLASSES)
    assert shown(page) == words(faces[1])
    page.get_by_role("heading", name=faces[1].label).wait_for()

    box = page.locator(".face.chosen").bounding_box()
    image = page.locator(".picture > img").bounding_box()
    scale = image["width"] / 780
    left, top, width, height = faces[1].box
    found = [box["x"] - image["x"], box["y"] - image["y"], box["width"], box["height"]]
    np.testing.assert_allclose(found, np.array([left, top, width, height]) * scale, atol=1)

    large = page.locator(".blocks .large")
    before = large.get_attribute("src")
    assert "block 4" in large.get_attribute("alt")
    page.get_by_role("radio", name="Block 1").check(force=True)
    assert "block 1" in large.get_attribute("alt")
    assert large.get_attribute("src") != before
    mu = [
        float(one.removeprefix("μ ")) for one in page.locator(".blocks .number").all_inner_texts()
    ]
    assert len(mu) == 4
    assert all(0 < one < 1 for one in mu)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert cv2.imread(str(tmp_path / "page.png")).std() > 10


def test_the_keyboard_is_enough(page, weights, detector, tmp_path):
    picture = photo(tmp_path / "three.png", drawn(0, 1, 5))
    faces = Predictor(weights, detector=detector, device="cpu").faces(picture)
    put(page, picture, "3 faces")
    page.get_by_role("button", name="Use the webcam").focus()
    page.keyboard.press("Tab")  # to the faces
    chosen = page.evaluate("document.activeElement.getAttribute('aria-label')")
    number = int(re.match(r"Face (\d):", chosen)[1])
    page.keyboard.press("ArrowRight")
    following = number % 3 + 1
    page.get_by_text(f"{following} of 3").wait_for()
    assert shown(page) == words(faces[following - 1])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the face before
    page.get_by_text(f"{number} of 3").wait_for()


def test_photos_are_dropped_and_pasted(page, tmp_path):
    """As the browser hands them over: of several the first; text is no photo."""
    bytes_of = [list(photo(tmp_path / f"{n}.png", drawn(n)).read_bytes()) for n in (0, 1)]
    handed = page.evaluate_handle(
        """(contents) => {
            const handed = new DataTransfer();
            contents.forEach((content, n) =>
                handed.items.add(new File([new Uint8Array(content)], `photo-${n}.png`)));
            return handed;
        }""",
        bytes_of,
    )
    page.dispatch_event(".intake", "drop", {"dataTransfer": handed})
    page.get_by_text("1 face in photo-0.png.").wait_for(timeout=30_000)
    text = page.evaluate_handle("new DataTransfer()")
    page.dispatch_event(".intake", "drop", {"dataTransfer": text})
    page.get_by_text("That was no file").wait_for()
    page.evaluate(
        """(content) => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([new Uint8Array(content)], "pasted.png"));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        bytes_of[1],
    )
    page.get_by_text("1 face in pasted.png.").wait_for(timeout=30_000)


def test_what_is_no_picture_is_said_and_does_no_harm(page, tmp_path):
    good = photo(tmp_path / "good.png", drawn(0))
    broken = tmp_path / "broken.png"
    broken.write_bytes(good.read_bytes()[:9000])
    notes = tmp_path / "<img src=x onerror=window.hurt=1> {{ 1 }} ${name} ü.jpg"
    notes.write_text("no picture")
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(LARGEST + 1)
    put(page, notes, f"{notes.name} could not be read: no image.")
    put(page, broken, re.compile(r"broken\.png could not be read: .*truncated"))
    put(page, huge, "huge.png has 33 MiB; at most 32 MiB are taken.")
    put(page, photo(tmp_path / "wall.png", np.full((90, 90), 200)), "No face found in wall.png.")
    assert page.get_by_role("radio").count() == 0
    assert page.evaluate("window.hurt") is None
    put(page, good, "1 face in good.png.")
    assert page.get_by_role("radio", name="Face 1").count() == 1


def test_the_server_has_the_same_limit(other):
    """Also where a browser does not ask the page's own script."""
    status = other.evaluate(
        """async (size) => {
            const address = mounted_app.elements ? Object.values(mounted_app.elements)
                .map((one) => one.props?.url).find(Boolean) : null;
            const body = new Blob([new Uint8Array(size)]);
            const headers = { "X-Name": "gro%C3%9F" };
            return (await fetch(address, { method: "POST", headers, body })).status;
        }""",
        LARGEST + 1,
    )
    assert status == 413
    other.get_by_text("groß is too large; at most 32 MiB are taken.").wait_for()
    other.wrong[:] = [one for one in other.wrong if "413" not in one]


def test_the_webcam_is_used_live_and_let_go(page):
    sent = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    page.get_by_role("button", name="Use the webcam").click()
    page.get_by_role("button", name="Take a picture").wait_for()
    page.wait_for_function("document.querySelector('video').videoWidth > 0")
    page.evaluate("window.track = document.querySelector('video').srcObject.getVideoTracks()[0]")
    assert sent == []
    page.get_by_role("button", name="Take a picture").click()
    page.get_by_text("1 face in the webcam's picture.").wait_for(timeout=30_000)
    assert len(sent) == 1
    page.get_by_role("switch").check()
    until(lambda: page.wait_for_timeout(100) or len(sent) >= 4)
    page.get_by_role("button", name="Stop the camera").click()
    page.get_by_text("Drop a photo here").wait_for()
    assert page.evaluate("track.readyState") == "ended"
    page.wait_for_timeout(700)  # a frame may be on its way
    count = len(sent)
    page.wait_for_timeout(1500)
    assert len(sent) == count


def test_visitors_see_their_own_pictures(page, other, tmp_path):
    put(page, photo(tmp_path / "one.png", drawn(0)), "1 face in one.png.")
    put(other, photo(tmp_path / "two.png", drawn(1, 5)), "2 faces in two.png.")
    assert page.get_by_text("1 face in one.png.").count() == 1
    assert page.get_by_role("radio", name="Face 1").count() == 1


def test_the_browser_itself_lets_nothing_out(other):
    """Should some script of the page want to: the policy that it is served with forbids it."""
    with serving() as elsewhere:
        failed = other.evaluate(
            """(address) => {
                const failing = (tag, name) => new Promise((done) => {
                    const one = document.createElement(tag);
                    one.onload = () => done(false);
                    one.onerror = () => done(true);
                    one.src = address + name;
                    document.head.append(one);
                });
                const refused = fetch(address, { mode: "no-cors" }).then(() => false, () => true);
                return Promise.all([refused, failing("img", "/a.png"), failing("script", "/a.js")]);
            }""",
            elsewhere.address,
        )
        assert failed == [True, True, True]
        assert elsewhere.asked == []
    assert len(other.wrong) >= 3
    assert all("Content Security Policy" in one for one in other.wrong)
    other.wrong.clear()
    other.asked[:] = [url for url in other.asked if not url.startswith(elsewhere.address)]


def test_drawn_faces_are_warned_of_and_the_model_is_named(page):
    page.get_by_text("This model was trained on drawn faces").wait_for()
    for fact in ("model.safetensors", "demo", "ours", "71.0 % of its validation images"):
        assert page.locator("dd").get_by_text(fact).count() == 1
    assert page.get_by_text("not for decisions about people").count() == 1


def test_nothing_is_written(page, place, tmp_path):
    """Not even of a picture that is too large for what is kept in memory by default."""
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500), dtype=np.uint8)
    noise[:320, :260] = drawn(0)
    path = photo(tmp_path / "noise.png", noise)
    assert path.stat().st_size > 2 << 20
    put(page, path, re.compile("in noise.png"))
    assert os.listdir(place) == []
