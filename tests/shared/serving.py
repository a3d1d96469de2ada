"""Small HTTP servers for tests."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every request by `serve`, and keeps quiet about it."""

    disable_nagle_algorithm = True  # a head and a body are two packets, 40 ms apart with it

    def log_message(self, *_: object) -> None:
        pass

    def serve(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.serve()

    def do_HEAD(self) -> None:
        self.serve()

    def do_POST(self) -> None:
        self.serve()

    def do_PUT(self) -> None:
        self.serve()

    def do_DELETE(self) -> None:
        self.serve()


@contextmanager
def listening(handler: type[Handler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve HTTP, or HTTPS, on a free port of the loopback interface; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
