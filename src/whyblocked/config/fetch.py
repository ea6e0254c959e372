"""Calls to AWS: many at once, each with all of its pages. Import this module only where AWS is asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from whyblocked.config.clients import CONNECTIONS
from whyblocked.config.operations import Operation

_TOKENS = (("NextToken", "NextToken"), ("nextToken", "nextToken"), ("NextMarker", "Marker"), ("Marker", "Marker"))
_ABOUT_THE_CALL = frozenset({"ResponseMetadata", *(name for name, _ in _TOKENS)})


def concurrently(jobs: list[Callable[[], Any]], meanwhile: Callable[[], None] | None = None) -> list[Any]:
    """The results (or exceptions) of ``jobs``, in their order; ``meanwhile`` is done while they wait for AWS."""
    if len(jobs) < 2 and meanwhile is None:
        return [_outcome(job) for job in jobs]
    with ThreadPoolExecutor(max_workers=min(CONNECTIONS, len(jobs)), thread_name_prefix="aws") as pool:
        futures: list[Future[Any]] = [pool.submit(_outcome, job) for job in jobs]
        try:
            if meanwhile is not None:
                meanwhile()
            wait(futures)
        except BaseException:  # Ctrl-C: what has not begun need not
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _outcome(job: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        return job()
    except (BotoCoreError, ClientError, ResponseParserError, NotImplementedError, OSError, ValueError) as error:
        return error


def fetcher(client: Any, operation: Operation, parameters: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """:func:`fetch` with these arguments, to be called later."""
    return lambda: fetch(client, operation, parameters)


def fetch(client: Any, operation: Operation, parameters: dict[str, Any]) -> dict[str, Any]:
    """The whole response of a call, its pages joined."""
    from botocore import xform_name

    shape = client.meta.service_model.operation_model(operation.name).input_shape
    members = shape.members if shape is not None else {}
    asked = {**dict(operation.always), **parameters}
    # Unpaged lists are throttled sooner, and fail in large accounts.
    limit = (
        members["MaxResults"].metadata.get("max", 1000 if operation.service == "ec2" else 0)
        if "MaxResults" in members
        else 0
    )
    if limit and not operation.name.startswith("Search"):
        asked["MaxResults"] = min(limit, 1000)
    if "IncludeManagedResources" in members:
        asked["IncludeManagedResources"] = True
    method = getattr(client, xform_name(operation.name))
    response: dict[str, Any] = method(**asked)
    page, seen = response, set()
    while token := next(((to, page[of]) for of, to in _TOKENS if page.get(of)), None):
        if token in seen:  # an endpoint that turns in circles
            break
        seen.add(token)
        page = method(**asked, **{token[0]: token[1]})
        response.setdefault(operation.key, []).extend(page.get(operation.key, ()))
        response.update({key: value for key, value in page.items() if isinstance(value, bool)})  # whether there is more
    return {key: value for key, value in response.items() if key not in _ABOUT_THE_CALL}
