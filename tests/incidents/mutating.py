"""The incidents as plain data, and ways to spoil them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from whyblocked.api import Session, snapshot

FOLDER = Path(__file__).parents[2] / "fixtures"
Documents = dict[str, Any]  # by their path in the snapshot
Steps = tuple[str | int, ...]

ODD: tuple[Any, ...] = (
    *(None, 0, -1, 1.5, True, "", "x", [], {}, [None], [[]], {"Key": 1}, 2**70, "9" * 40, "a" * 3000, "strange-state"),
    *("10.0.0.0/33", "::/129", "fe80::1%eth0", "0.0.0.0/0 ", "999.1.1.1", "10.0.0.1", "\x1b[31m\x00\u202e"),
)


def incident(folder: Path) -> tuple[str, Documents]:
    """The question, and what is in the snapshot."""
    root = folder / "snapshot"
    documents = {str(path.relative_to(root)): json.loads(path.read_text()) for path in sorted(root.rglob("*.json"))}
    return (folder / "question.txt").read_text().splitlines()[0], documents


def session(documents: Documents) -> Session:
    """Opened from a folder with these files."""
    with TemporaryDirectory() as folder:
        for name, document in documents.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document))
        return Session(snapshot(folder))


def places(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """The ways to everything inside."""
    if steps:
        yield steps
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*steps, key))


def at(value: Any, steps: Steps) -> Any:
    for step in steps:
        value = value[step]
    return value


def mapped(value: Any, change: Callable[[str, str], str], key: str = "") -> Any:
    """Every text changed, with the key that it stands under in mind."""
    if isinstance(value, dict):
        return {name: mapped(item, change, name) for name, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change, key) for item in value]
    return change(key, value) if isinstance(value, str) else value


def without_something(rng: Random, documents: Documents) -> tuple[str, Documents]:
    """Less than before: a file, a key, a key everywhere, or a value (now null)."""
    left = deepcopy(documents)
    name = rng.choice(sorted(left))
    keyed = [steps for steps in places(left[name]) if isinstance(steps[-1], str)]
    how = rng.choice(("file", "key", "everywhere", "null")) if keyed else "file"
    if how == "file":
        del left[name]
        return f"without {name}", left
    steps = rng.choice(keyed)
    for one in keyed if how == "everywhere" else [steps]:
        if one[-1] != steps[-1]:
            continue
        try:
            holder = at(left[name], one[:-1])
        except KeyError:  # it stood in one that is gone
            continue
        if how == "null":
            holder[one[-1]] = None
        else:
            holder.pop(one[-1], None)
    return f"{name}: {how} {'.'.join(map(str, steps))}", left


def odd(rng: Random, documents: Documents) -> tuple[str, Documents]:
    """Otherwise than it should be: a value of another kind, a row twice or gone, an id that nothing has."""
    spoilt = deepcopy(documents)
    name = rng.choice(sorted(spoilt))
    every = list(places(spoilt[name]))
    if not every:
        return "", spoilt
    steps = rng.choice(every)
    holder = at(spoilt[name], steps[:-1])
    how = rng.choice(("odd", "odd", "wrapped", "twice", "two files", "renamed", "gone"))
    if how == "odd":
        holder[steps[-1]] = deepcopy(rng.choice(ODD))
    elif how == "wrapped":
        holder[steps[-1]] = rng.choice(([holder[steps[-1]]], {"x": holder[steps[-1]]}, str(holder[steps[-1]])))
    elif how == "two files":
        spoilt[f"{name}.again.json"] = deepcopy(spoilt[name])
    elif how == "renamed":
        spoilt[name] = mapped(spoilt[name], lambda _, text: text + "0" if rng.random() < 0.05 and "-" in text else text)
    elif isinstance(holder, list) and isinstance(steps[-1], int):
        if how == "twice":
            holder.insert(rng.randrange(len(holder) + 1), deepcopy(holder[steps[-1]]))
        else:
            del holder[steps[-1]]
    return f"{name}: {how} {'.'.join(map(str, steps))}", spoilt
