"""moto as a server in the tests' own process, with answers laid over it: what a program run as a subprocess meets.

State can be made with boto3 against :attr:`Overlay.url`, and edited in moto's backends while the program runs.
"""

from __future__ import annotations

import io
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ACCOUNT = "123456789012"
REGION = "us-east-1"
_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>{code}</Code>'
    "<Message>{message}</Message></Error></Errors><RequestID>0</RequestID></Response>"
)
_STATUS = {"RequestLimitExceeded": 503, "Unavailable": 503, "InternalError": 500, "InvalidAction": 400}
# What moto has not, and the answer of an account that does not use it.
_EMPTY = {"DescribeVirtualInterfaces": '{"virtualInterfaces": []}'}


@dataclass
class Rule:
    """An answer in place of moto's, always or a number of ``times``."""

    operation: str
    status: int
    body: str
    content_type: str
    times: int | None


@dataclass
class Overlay:
    """moto's application with rules on top; ``log`` holds the operations that were called, in order."""

    url: str = ""
    rules: list[Rule] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    app: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def add(
        self, operation: str, status: int, body: str, content_type: str = "text/xml", times: int | None = None
    ) -> None:
        """Answer ``operation`` (``DescribeVpcs``, or ``GET /path``) with this."""
        self.rules.append(Rule(operation, status, body, content_type, times))

    def refuse(self, operation: str, code: str, times: int | None = None, message: str = "refused by a test") -> None:
        """Answer an EC2 ``operation`` with an error ``code``."""
        self.add(operation, _STATUS.get(code, 403), _ERROR.format(code=code, message=message), times=times)

    def reset(self) -> None:
        """Forget rules, log and all of moto's state."""
        self.rules.clear()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self.log.clear()

    def environment(self) -> dict[str, str]:
        """The variables with which a subprocess reaches this server, and nothing else of AWS's."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        data = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(data)
        operation = self._operation(environ, data)
        self.log.append(operation)
        for rule in self.rules:
            if rule.operation == operation and rule.times != 0:
                if rule.times is not None:
                    rule.times -= 1
                start_response(f"{rule.status} From a rule", [("Content-Type", rule.content_type)])
                return [rule.body.encode()]
        if operation in _EMPTY:
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
            return [_EMPTY[operation].encode()]
        return self.app(environ, start_response)

    @staticmethod
    def _operation(environ: dict[str, Any], data: bytes) -> str:
        target = str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]
        if target:
            return target
        if b"Action=" in data:
            return urllib.parse.parse_qs(data.decode())["Action"][0]
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


class _Quiet(WSGIRequestHandler):
    """No line on standard error for every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: :attr:`Overlay.log` has it."""


@contextmanager
def running() -> Iterator[Overlay]:
    """An overlay server on a free port of this machine."""
    overlay = Overlay()
    server = make_server("127.0.0.1", 0, overlay, threaded=True, request_handler=_Quiet)
    overlay.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield overlay
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
