"""Tool demo: a page in the browser that shows what a model makes of a photo or the webcam."""

import ipaddress
import os
import socket
import sys
import webbrowser
from typing import Annotated

import typer

from clfer.errors import InputError
from pipeline import models
from pipeline.console import err, plain, say
from pipeline.options import Device, Finder, Models

OPEN = (
    "warning: whoever can reach this computer over the network can open the page and send it "
    "pictures, over http, which others on the way can read"
)


def demo(
    model: Models = None,
    detector: Finder = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8080,
    host: Annotated[
        str, typer.Option(help="An address of this computer; 0.0.0.0: all it has.")
    ] = "127.0.0.1",
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    device: Device = None,
) -> None:
    """Serve a web page for this computer that shows what a model makes of photos or the webcam.

    Pictures stay in memory and are sent nowhere else. The dataset `demo` is something else: drawn
    faces to train on.
    """
    with _listening(host, port) as visitors:
        from clfer.demo_page import serve  # NiceGUI, which takes seconds

        predictor = models.predictor(model, detector, device)
        address, number = visitors.getsockname()[:2]
        local = ipaddress.ip_address(address).is_loopback
        if not local:
            err.print(OPEN, style="bold yellow", highlight=False, soft_wrap=True)
        if address in ("0.0.0.0", "::"):
            address = "localhost"
        url = f"http://{f'[{address}]' if ':' in address else address}:{number}"
        say([], plain(f"page: {url} (Ctrl-C ends it)"))
        if show and (sys.platform != "linux" or os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}):
            webbrowser.open(url)
        pairs = zip(predictor.files, predictor.engines, strict=True)
        answering = "; ".join(
            f"{file.name}, {models.model_line(engine.card)}" for file, engine in pairs
        )
        serve(predictor, f"Model: {answering}.", visitors, local)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that visitors can reach from now on; port 0: any free one. InputError if the address
    or the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0].lower()
        raise InputError(
            f"--host {host} --port {port}: expected an address of this machine and a free port, "
            f"found: {reason}; name another port by --port"
        ) from error
