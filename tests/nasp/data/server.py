"""A small web server of one file, with ranges, which can also misbehave."""

import contextlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


@dataclass
class Served:
    """The behaviour of the server, and its requests.

    Attributes:
        content: The file.
        ranges: Whether it can resume.
        break_after: Bytes after which it closes the connection; None for never.
        endless: Whether it sends zeros for ever after the file.
        sent_on: Address that it redirects to.
        asked: The Range header of each request; "" if there is none.
    """

    content: bytes
    ranges: bool = True
    break_after: int | None = None
    endless: bool = False
    sent_on: str | None = None
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range", "")
                served.asked.append(asked)
                if served.sent_on is not None:
                    self.send_response(302)
                    self.send_header("Location", served.sent_on)
                    self.end_headers()
                    return
                start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
                if not served.ranges:
                    start = 0
                if start and start >= len(served.content):
                    self.send_error(416)
                    return
                body = served.content[start:]
                self.send_response(206 if start else 200)
                if not served.endless:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: served.break_after])
                with contextlib.suppress(OSError):  # until nobody listens
                    while served.endless:
                        self.wfile.write(bytes(1 << 16))

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/small.zip"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
