"""A server on this machine whose answers are prescribed, and which notes what it is asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """path -> the answers to the first, second, ... question; the last one is repeated."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    address: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return self.address + path

    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.asked]


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.rfile.read(length)
            self.close_connection = True
            site.asked.append((self.path, self.headers.get("Range")))
            answers = site.answers.get(self.path, [status(404)])
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.site = site
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        site.address = f"http://127.0.0.1:{server.server_port}"
        yield site
        site.closing.set()
        server.shutdown()


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        _head(handler, code, named | {"Content-Length": "0"})

    return answer


def file(
    content: bytes,
    tag: str = '"one"',
    upto: int | None = None,  # bytes of the body, then the connection is closed
    stalls: bool = False,  # not closed, but held
    length: bool = True,
    chunked: bool = False,
    **more: str,
) -> Answer:
    """The whole content, whatever part is asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        headers = {"ETag": tag} | {k.replace("_", "-"): v for k, v in more.items()}
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif length:
            headers["Content-Length"] = str(len(content))
        _head(handler, 200, headers)
        body = b"" if handler.command == "HEAD" else content[:upto]
        if chunked:
            body = b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if upto is None else b"")
        handler.wfile.write(body)
        if stalls:
            handler.wfile.flush()
            handler.server.site.closing.wait(20)

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    _head(handler, 200, {})
    try:
        while True:
            handler.wfile.write(bytes(1 << 16))
    except OSError:  # nobody reads any more
        pass


def _head(handler: BaseHTTPRequestHandler, code: int, headers: dict[str, str]) -> None:
    handler.send_response(code)
    for name, value in ({"Connection": "close"} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()
