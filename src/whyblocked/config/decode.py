"""From API responses to resources: a fast way for what is as it should be, a lenient one for what isn't."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.documents import as_utf8, responses_of, wrapped
from whyblocked.config.operations import BY_KEY, WRAPPERS, Operation
from whyblocked.text import clean

_MORE = "AdditionalRoutesAvailable"  # how SearchTransitGatewayRoutes says that it has not told all
_NO_USE_WITHOUT = ("FirewallPolicy", "RuleGroup")  # they hold the rules; what is beside them holds names
_OF_TWO = [operation for operation in BY_KEY.values() if operation.beside]
_DOCUMENT = msgspec.json.Decoder(dict[str, msgspec.Raw])  # what stands under its keys is decoded by what it is
_AT = re.compile(r" - at `\$?([^`]*)`$")
_MISSING_KEY = re.compile(r"Object missing required field `(\w+)`")


class Part(NamedTuple):
    """What one top-level key of a response held."""

    operation: Operation
    resources: tuple[r.Resource, ...]
    broken: tuple[r.Broken, ...] = ()
    about: str = ""  # the object that the call was about, where the answer stands beside its id
    cut: bool = False  # there is more than the answer holds


def decode_file(name: str, content: bytes) -> list[Part]:
    """The resources in a file of a snapshot; none where it holds something else."""
    content = as_utf8(name, content)
    try:
        document = _DOCUMENT.decode(content)
        if not wrapped(document):
            return list(_parts(name, content, document))
    except (ValueError, RecursionError):  # which msgspec's own errors are, too
        pass
    return [part for response in responses_of(name, content) for part in _leniently(name, response)]


def _parts(name: str, content: bytes, document: dict[str, msgspec.Raw]) -> Iterator[Part]:
    """What stands under the known keys, if all of it is as it should be."""
    cut = _MORE in document and _decoder(bool).decode(document[_MORE])
    for key, operation in BY_KEY.items():
        if key not in document or operation.beside:
            continue
        if operation.whole:
            yield _part(operation, "", msgspec.json.decode(content), name)
        elif operation.single:
            yield Part(operation, (_decoder(operation.type).decode(document[key]),), cut=cut)
        else:
            several: Any = tuple[operation.type, ...]  # type: ignore[name-defined]
            yield Part(operation, _decoder(several).decode(document[key]), cut=cut)
    for operation in _OF_TWO:
        keys = (operation.key, operation.beside)
        found = {key: _decoder(dict[str, Any]).decode(document[key]) for key in keys if key in document}
        if operation.key in found:
            yield _of_two(operation, found[operation.key], found.get(operation.beside), name)
    for key in WRAPPERS:
        if key in document and key not in BY_KEY:  # else it is a list only where _leniently is needed
            yield from _unwrapped(key, _decoder(list[dict[str, Any]]).decode(document[key]), name)


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """What decodes this kind; made when one is met, as each takes a tenth of a millisecond."""
    return msgspec.json.Decoder(kind)


def decode_response(operation: Operation, response: dict[str, Any], where: str) -> Part:
    """The resources in a response of the API, as boto3 gives it."""
    value = response if operation.whole else response.get(operation.key)
    if value is None:
        return Part(operation, ())
    if operation.beside:
        return _of_two(operation, value, response.get(operation.beside), where)
    try:
        if operation.single or operation.whole:
            return Part(operation, (msgspec.convert(value, operation.type),))
        found = msgspec.convert(value, tuple[operation.type, ...])  # type: ignore[name-defined]
        return Part(operation, found, cut=bool(response.get(_MORE)))
    except msgspec.ValidationError:
        return _part(operation, operation.key, value, where)


def _leniently(name: str, document: dict[str, Any]) -> Iterator[Part]:
    """Each resource by itself, so that one that is not as it should be costs no other."""
    for key, operation in BY_KEY.items():
        value = document.get(key)
        if value is None or (key in WRAPPERS and isinstance(value, list)):
            continue
        if operation.whole:
            value = document
        elif operation.beside:
            yield _of_two(operation, value, document.get(operation.beside), name)
            continue
        yield _part(operation, key, value, name)._replace(cut=document.get(_MORE) is True)
    for key in WRAPPERS:
        yield from _unwrapped(key, document.get(key), name)


def _unwrapped(key: str, items: object, where: str) -> Iterator[Part]:
    """The answers of calls about one object each, kept in one list with the object's id beside each."""
    operation = WRAPPERS[key]
    each = operation.each
    for index, item in enumerate(items if isinstance(items, list) else ()):
        about = item.get(each.id) if each and isinstance(item, dict) else None
        if isinstance(about, str) and isinstance(item.get(operation.key), list):
            part = _part(operation, operation.key, item[operation.key], f"{where}: {key}[{index}]")
            yield part._replace(about=about, cut=item.get(_MORE) is True)


def _of_two(operation: Operation, value: object, beside: object, where: str) -> Part:
    """Two objects of one response that are one resource; what is none is told as broken."""
    if beside is None and operation.beside in _NO_USE_WITHOUT:
        message = f'{where} has no key "{operation.beside}"'
        return Part(operation, (), (r.Broken(operation.key, frozenset(r.texts(value)), message),))
    joined = {**value, **beside} if isinstance(value, dict) and isinstance(beside, dict) else value
    return _part(operation, operation.key, joined, where)


def _part(operation: Operation, key: str, value: object, where: str) -> Part:
    if operation.single or operation.whole:
        items = [(key, value)]
    elif isinstance(value, list):
        items = [(f"{key}[{index}]", item) for index, item in enumerate(value)]
    else:
        return Part(operation, (), (r.Broken(operation.key, frozenset(), f"{where}: {key} is not a list"),))
    resources: list[r.Resource] = []
    broken: list[r.Broken] = []
    for place, item in items:
        if operation.type is r.Reservation:
            _instances(item, where, place, resources, broken)
        elif item is not None:
            _one(operation, operation.type, item, f"{where}: {place}", resources, broken)
    return Part(operation, tuple(resources), tuple(broken))


def _instances(item: object, where: str, place: str, resources: list[r.Resource], broken: list[r.Broken]) -> None:
    """A reservation's instances, one by one."""
    instances = item.get("Instances") if isinstance(item, dict) else None
    found: list[r.Resource] = []
    for index, instance in enumerate(instances if isinstance(instances, list) else ()):
        _one(BY_KEY["Reservations"], r.Instance, instance, f"{where}: {place}.Instances[{index}]", found, broken)
    if found:
        owner = item.get("OwnerId") if isinstance(item, dict) else None
        resources.append(
            r.Reservation(
                instances=tuple(i for i in found if isinstance(i, r.Instance)),
                owner_id=owner if isinstance(owner, str) else None,
            )
        )


def _one(
    operation: Operation,
    kind: type[r.Resource] | None,
    item: object,
    place: str,
    resources: list[r.Resource],
    broken: list[r.Broken],
) -> None:
    try:
        resources.append(msgspec.convert(_without_nulls(item), kind, strict=False))
    except msgspec.ValidationError as error:
        broken.append(r.Broken(operation.key, frozenset(r.texts(item)), _place(place, str(error))))


def _without_nulls(value: object) -> object:
    """``value`` without the keys that are null: absent is what they mean."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value


def _place(place: str, error: str) -> str:
    """``error`` as msgspec words it, in our words, at its place."""
    at = _AT.search(error)
    if at is not None:
        place += at[1] if at[1].startswith((".", "[")) or not at[1] else f".{at[1]}"
        error = error[: at.start()]
    key = _MISSING_KEY.fullmatch(error)
    if key is not None:
        return f'{place} has no key "{key[1]}"'
    return f"{place}: {clean(error.replace('`', '').replace(' | null', ''))}"
