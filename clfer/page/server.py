"""Serves the page, and sees to it that nothing goes elsewhere."""

import socket
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from clfer.inference.predictor import Predictor
from clfer.page.observer import Observer
from clfer.page.visit import LARGEST, Visit

STYLE = Path(__file__).with_name("style.css")
ICON = Path(__file__).with_name("icon.svg")
TITLE = "clfer: facial expressions"
OWN = ("localhost", "127.0.0.1", "::1", "[::1]")  # names of this machine
# What a browser may load and talk to: this server alone. NiceGUI has its templates compiled in the
# browser, which takes inline scripts and eval.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob: mediastream:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NAME = "X-Name"  # of a picture, in percent encoding: addresses are noted in more places
GONE = 499  # status for nobody: the visitor left before the answer
RECONNECT = 10.0  # seconds that a visitor's page is kept after its connection is lost
FAREWELL = 2  # seconds that open connections have at the end


def serve(predictor: Predictor, visitors: socket.socket, local: bool) -> None:
    """Serve the page until the process is asked to end. local: whether it is for this machine
    alone.
    """
    names = [*OWN, visitors.getsockname()[0]] if local else ["*"]
    app = _application(Observer(predictor), local)
    # a page elsewhere whose name was made to point here gets nothing
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=names)
    ui.run_with(
        app,
        title=TITLE,
        favicon=ICON,
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=RECONNECT,
        show_welcome_message=False,
    )
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=FAREWELL,
    )
    with warnings.catch_warnings():  # NiceGUI looks through all there is for its server
        warnings.filterwarnings("ignore", category=FutureWarning, module="nicegui")
        uvicorn.Server(config).run(sockets=[visitors])


def _application(observer: Observer, local: bool) -> FastAPI:
    """The page, and the address that each visitor's pictures are sent to."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    visits: dict[str, Visit] = {}

    @ui.page("/")
    def page() -> None:
        client = ui.context.client
        ui.add_css(STYLE)
        visits[client.id] = Visit(observer, f"/look/{client.id}", local)
        client.on_delete(lambda: visits.pop(client.id, None))

    @app.post("/look/{visitor}")
    async def look(visitor: str, request: Request) -> Response:
        visit, name = visits.get(visitor), unquote(request.headers.get(NAME, "picture"))
        if visit is None:
            return Response(status_code=404)
        content = bytearray()
        try:
            async for part in request.stream():
                content += part
                if len(content) > LARGEST:
                    visit.problem(f"{name} is too large; at most {LARGEST >> 20} MiB are taken.")
                    return Response(status_code=413)
        except ClientDisconnect:  # the visitor went away meanwhile
            return Response(status_code=GONE)
        await visit.look(bytes(content), name)
        return Response(status_code=204)

    @app.middleware("http")
    async def sealed(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        try:
            response = await answer(request)
        except RuntimeError:
            if await request.is_disconnected():  # which NiceGUI's own layers take for a defect
                return Response(status_code=GONE)
            raise
        response.headers.update(HEADERS)
        return response

    return app
