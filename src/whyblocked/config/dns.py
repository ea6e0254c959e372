"""Names that only DNS knows, as the machine that asks resolves them. Import where the account is live only."""

from __future__ import annotations

import socket
import threading
from functools import cache

_SECONDS = 3.0
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@cache
def look_up(host: str) -> tuple[str, ...] | None:
    """The addresses of ``host``, IPv4 first; none where DNS has no such name, None where it gave no answer in time."""
    answers: list[tuple[str, ...] | None] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            answers.append(() if error.errno in _NO_SUCH_NAME else None)
        except (OSError, UnicodeError):  # a label that is empty or too long
            answers.append(())
        else:
            texts = {str(address[0]).partition("%")[0] for *_, address in found}
            answers.append(tuple(sorted(texts, key=lambda text: (":" in text, text))))

    worker = threading.Thread(target=ask, daemon=True, name="dns")  # getaddrinfo has no timeout of its own
    worker.start()
    worker.join(_SECONDS)
    return answers[0] if answers else None
