"""What to do about what could not be read: the permission to ask for, or the call that adds it to a snapshot."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from whyblocked.config.operations import SAVED, Operation, cli_words

_DENIED = re.compile(r"\b([a-z0-9-]+:[A-Z]\w+)( in [^:]+)?: AccessDenied\b")
_NOT_SAVED = re.compile(r"\b([a-z0-9-]+:[A-Z]\w+): (?:(\S+) is )?not in the snapshot")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")  # nothing that is a path or an option
_BALANCING_ARN = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:([a-z]{2}-[a-z0-9-]+):\d{12}:"
    r"((?:targetgroup|(?:loadbalancer|listener)/(?:app|net|gwy))/([A-Za-z0-9][A-Za-z0-9-]*)/[0-9a-f]+(?:/[0-9a-f]+)?)"
)
"""Of a load balancer, listener or target group: its Region, all of its name and the part that a person gave it."""
_SAVE = "Take the snapshot anew, into a folder of its own."


def ways_to_read(missing: Iterable[str], region: str | None = None) -> list[tuple[str, str | None]]:
    """For what is ``missing``, as answers name it, what to do in a sentence and the command that does it, each once.

    The commands are the AWS CLI's, to be run in the snapshot's folder; they name ``region`` where that is known.
    What no permission and no call of whyblocked's would give is left out.
    """
    return list(dict.fromkeys(way for text in missing for way in _ways(text, region)))


def _ways(text: str, region: str | None) -> Iterator[tuple[str, str | None]]:
    denied = _DENIED.search(text)
    if denied is not None:
        yield f"Ask for the permission {denied[1]}{denied[2] or ''}, which AWS refuses here.", None
        return
    unsaved = _NOT_SAVED.search(text)
    for operation in SAVED if unsaved is not None else ():
        if unsaved is not None and operation.permission == unsaved[1]:
            command = _command(operation, unsaved[2] or "", region)
            arn = _BALANCING_ARN.fullmatch(unsaved[2] or "")
            about = arn[2] if arn else unsaved[2]
            what = f"{about} ({operation.permission})" if about else operation.permission
            add = f"Add {what}: run in the snapshot's folder, for its account and Region:"
            yield (add, command) if command else (_SAVE, "whyblocked snapshot save snapshot-anew")


def _command(operation: Operation, about: str, region: str | None) -> str | None:
    """The call with its answer in a file; None where it takes an id that is not told, or is no name of a file."""
    each, name = operation.each, about
    if each is not None and each.parameter.endswith("Arn"):
        arn = _BALANCING_ARN.fullmatch(about)
        if arn is None:
            return None
        region, name = region or arn[1], arn[2].rpartition("/")[2] if each.parameter == "ListenerArn" else arn[3]
    elif (about and not _ID.fullmatch(about)) or (each is not None and not about):
        return None
    words = ["aws", operation.service, cli_words(operation.api_name)]
    if each is not None:
        words += [f"--{cli_words(each.parameter.removesuffix('[]'))}", about]
    for option, value in operation.always:
        words += [f"--{cli_words(option)}", *_values(value)]
    words += ["--region", region] if region else []
    # Beside the list that lacks it; what belongs to one object is known by the name of its file.
    file = f"{operation.file_name}.{name}.json" if name else f"{operation.file_name}.json"
    return f"{shlex.join(words)} > {file}"


def _values(value: Any) -> list[str]:
    return [] if value is True else [f"Name={one['Name']},Values={','.join(one['Values'])}" for one in value]
