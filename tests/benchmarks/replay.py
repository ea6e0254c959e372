"""EC2 as far as canned answers go: ``python -m tests.benchmarks.replay ANSWERS [SECONDS]``, until its input ends.

Prints its port. HTTP/1.1 with connections that are kept, as AWS has it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl


def key_of(body: bytes) -> str:
    """The same for every request that asks the same."""
    return json.dumps(sorted(parse_qsl(body.decode(), keep_blank_values=True)))


def handler(answers: dict[str, str], delay: float) -> type[BaseHTTPRequestHandler]:
    """What handles the requests of one server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body in one packet

        def do_POST(self) -> None:
            answer = answers.get(key_of(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(delay)
            body = (answer or "not recorded").encode()
            self.send_response(400 if answer is None else 200)
            self.send_header("Content-Type", "text/xml;charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def main() -> None:
    """Serve until standard input is closed."""
    answers = json.loads(Path(sys.argv[1]).read_text())
    delay = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answers, delay))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
