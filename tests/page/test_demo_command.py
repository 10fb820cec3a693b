"""How `clfer demo` begins and ends."""

import http.client
import signal
import socket

import pytest
from demo_server import Served, command, model, until


@pytest.fixture(scope="module")
def words(real_data, tmp_path_factory):
    path = model(tmp_path_factory.mktemp("model") / "model.safetensors")
    detector = real_data / "weights/insightface/det_500m.onnx"
    return ["--model", str(path), "--detector", str(detector), "--device", "cpu"]


pytest.importorskip("nicegui")


def asked(served, path="/", method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), response.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_with_visitors_connected(words, tmp_path, how):
    served = Served(*words, folder=tmp_path)
    until(lambda: asked(served)[0] == 200)
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(15).startswith(b"HTTP/1.1 200")
        status, said = served.end(how)
    assert status == 128 + how, said
    assert "Traceback" not in said
    lines = said.splitlines()
    assert len(lines) == 2, said
    assert lines[0].startswith("model: ")
    assert lines[1].startswith("warning: this model was trained on drawn faces")


@pytest.mark.slow
def test_strangers_get_nothing(words, tmp_path):
    """Neither a page elsewhere whose name was made to point here, nor who guesses an address."""
    served = Served(*words, folder=tmp_path)
    until(lambda: asked(served)[0] == 200)
    assert asked(served, Host="evil.example")[0] == 400
    assert asked(served, "/look/someone", "POST", b"picture", Host="evil.example")[0] == 400
    assert asked(served, "/look/someone", "POST", b"picture")[0] == 404
    assert asked(served, "/docs")[0] == asked(served, "/openapi.json")[0] == 404
    policy = asked(served)[1]["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "//" not in policy
    assert served.end()[0] == 128 + signal.SIGTERM


@pytest.mark.slow
def test_others_are_let_in_with_a_warning_only_when_asked_for(words, tmp_path):
    served = Served(*words, "--host", "0.0.0.0", folder=tmp_path)
    assert served.address == f"http://localhost:{served.port}"
    until(lambda: asked(served)[0] == 200)
    assert asked(served, Host="laptop.example")[0] == 200
    assert "looked at on the computer that serves this page" in asked(served)[2]
    assert "warning: whoever can reach this computer" in served.end()[1]


def refused(*words, **options):
    """The one line that a call ends with."""
    process = command(*words, **options)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, ""), said
    (line,) = said.splitlines()
    return line


def test_a_port_in_use_is_one_line(words, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused(*words, "--port", str(port), folder=tmp_path)
    assert line == (
        f"error: --host 127.0.0.1 --port {port}: expected an address of this machine and a free "
        "port, found: address already in use; name another port by --port"
    )


def test_an_address_of_another_machine_is_one_line(words, tmp_path):
    line = refused(*words, "--host", "192.0.2.1", "--port", "0", folder=tmp_path)
    assert line.startswith("error: --host 192.0.2.1 --port 0: expected an address of this machine")


def test_without_nicegui_it_says_what_to_install(words, tmp_path):
    line = refused(*words, folder=tmp_path, before="sys.modules['nicegui'] = None")
    assert line == (
        "error: nicegui is missing, which `clfer demo` makes its page with: "
        "pip install 'clfer[demo]'"
    )


def test_without_a_model_it_says_so(tmp_path):
    line = refused("--port", "0", folder=tmp_path)
    assert "expected a trained model, found none" in line
