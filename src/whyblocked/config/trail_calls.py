"""Asking CloudTrail while something else is done: paced, bounded in calls and in time, and never the end of a run.

``LookupEvents`` answers two requests a second in an account and Region, at most 50 events a page, and takes one
attribute a call: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html.
Import this module only where AWS is asked.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from whyblocked.config.account import Missing
from whyblocked.config.awserrors import Refusal, refusal
from whyblocked.config.operations import TRAIL
from whyblocked.config.trail import Event, Heard, Lookup, decode, is_unreadable, unread_words
from whyblocked.errors import WhyblockedError

if TYPE_CHECKING:
    from whyblocked.config.live import Live

MOST_CALLS = 8
"""In one account and Region, for one question: pages and repeated calls count."""
A_SECOND = 2
"""No more calls than this begin within a second: what AWS answers."""
PATIENCE = 5.0
"""Seconds from the first call on that a reader waits; what was found by then is shown."""
PAGE = 50
_PAUSE = 1.0  # after a throttled call
_MOST_PAGES = 3  # of one look-up


class Where(NamedTuple):
    """A client of CloudTrail's, and how its account and Region are called where they are not those of the run."""

    client: Any
    region: str
    words: str


class Clock(NamedTuple):
    """What tells the time and lets it pass; another one in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Asking:
    """Look-ups under way, one thread an account and Region; begins at once."""

    def __init__(
        self,
        lookups: Mapping[Where, Sequence[Lookup]],
        since: datetime,
        notes: Iterable[str] = (),
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._since = since
        self._lock = threading.Lock()
        self._events: dict[str, Event] = {}
        self._unread: dict[Where, set[str]] = defaultdict(set)  # a page of another look-up may hold the same event
        self._notes = dict.fromkeys(notes)
        self._over = threading.Event()
        self._began = self._clock.now()
        self._threads = [
            threading.Thread(target=self._run, args=(where, list(wanted)), name="trail", daemon=True)
            for where, wanted in lookups.items()
        ]
        for thread in self._threads:
            thread.start()

    def heard(self) -> Heard:
        """What was found; waits until all was asked, or :data:`PATIENCE` has run out."""
        for thread in self._threads:
            thread.join(max(0.0, self._began + PATIENCE - self._clock.now()))
        late = any(thread.is_alive() for thread in self._threads)
        self._over.set()
        with self._lock:
            notes = list(self._notes)
            notes += [
                f"CloudTrail{where.words}: {unread_words(len(ids))}" for where, ids in self._unread.items() if ids
            ]
            if late:
                notes.append(f"CloudTrail took longer than {PATIENCE:.0f} s: there may be more than it told by then")
            return Heard(list(self._events.values()), notes)

    # -- one account and Region, in a thread of its own -------------------------------------------------------------

    def _run(self, where: Where, wanted: list[Lookup]) -> None:
        """Ask one thing after another, every first page before any second one."""
        queue: list[tuple[Lookup, str | None, int]] = [(lookup, None, 1) for lookup in wanted]
        asked = {lookup.value for lookup in wanted}
        begun: list[float] = []
        throttled, due = False, self._clock.now()
        while queue and not self._over.is_set():
            if len(begun) == MOST_CALLS:
                why = ", some of them throttled" if throttled else ""
                most = f"after {MOST_CALLS} calls, the most that are made{why}"
                self._note(f"CloudTrail{where.words}: {_rest(queue)} {most}")
                return
            self._clock.sleep(max(0.0, due - self._clock.now()))
            if self._over.is_set():
                return
            begun.append(self._clock.now())
            due = begun[-A_SECOND] + 1 if len(begun) >= A_SECOND else begun[-1]
            lookup, token, page = queue.pop(0)
            try:
                answer = self._call(where.client, lookup, token)
            except Exception as error:  # noqa: BLE001 - nothing that fails here may cost the answer
                if _is_throttling(error):
                    queue.insert(0, (lookup, token, page))
                    throttled = True
                    due = self._clock.now() + _PAUSE
                    continue
                self._note(_reason(error, where))
                return
            self._take(answer, where)
            following = answer.get("NextToken")
            if page == 1 and not answer.get("Events"):
                more = [Lookup("EventName", name, lookup.about) for name in lookup.otherwise]
                queue += [(one, None, 1) for one in more if one.value not in asked]
                asked.update(one.value for one in more)
            if following and page < _MOST_PAGES:
                queue.append((lookup, following, page + 1))
            elif following:
                self._note(
                    f"CloudTrail{where.words}: only the newest {page * PAGE} events of {lookup.value} were looked at"
                )

    def _call(self, client: Any, lookup: Lookup, token: str | None) -> dict[str, Any]:
        attribute = {"AttributeKey": lookup.attribute, "AttributeValue": lookup.value}
        more = {"NextToken": token} if token else {}
        found: dict[str, Any] = client.lookup_events(
            LookupAttributes=[attribute], StartTime=self._since, MaxResults=PAGE, **more
        )
        return found

    def _take(self, answer: dict[str, Any], where: Where) -> None:
        items = answer.get("Events") or ()
        events = [event for item in items if (event := decode(item)) is not None]
        unread = [item for item in items if is_unreadable(item)]
        with self._lock:
            for event in events:
                self._events.setdefault(event.event_id or str(len(self._events)), event)
            for item in unread:
                self._unread[where].add(str(item.get("EventId") or item))

    def _note(self, text: str) -> None:
        with self._lock:
            self._notes[text] = None


def ask(source: Live, lookups: Iterable[Lookup], since: datetime) -> Asking:
    """Begin to ask, each thing in the account and Region where it is, as far as that account can be read."""
    places = defaultdict(list)
    for lookup in lookups:
        places[source.place_of(lookup.about)].append(lookup)
    wanted: dict[Where, list[Lookup]] = {}
    notes: dict[str, None] = {}
    for place, there in places.items():
        clients = source.accounts.clients(place.account)
        words = source.where(place)
        if isinstance(clients, Missing):
            notes[f"{TRAIL}{words}: {clients.reason}"] = None
            continue
        region = place.region or source.region
        try:  # clients are made here: making them is not safe in threads
            client = clients.client("cloudtrail", region, _quick())
        except WhyblockedError as error:
            notes[f"{TRAIL}{words}: {error.message}"] = None
            continue
        wanted[Where(client, region, words)] = there
    return Asking(wanted, since, notes)


def _quick() -> Any:
    """How a client is set up that nobody waits for long."""
    from botocore.config import Config

    return Config(connect_timeout=2, read_timeout=PATIENCE + 1, retries={"mode": "standard", "total_max_attempts": 1})


def _is_throttling(error: Exception) -> bool:
    response = getattr(error, "response", None) or {}  # None where nobody answered
    code = str(response.get("Error", {}).get("Code", ""))
    return "Throttl" in code or "TooManyRequests" in code or "LimitExceeded" in code


def _reason(error: Exception, where: Where) -> str:
    """Why nothing more was found, in a line that names the permission."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    if not isinstance(
        error, BotoCoreError | ClientError | ResponseParserError | NotImplementedError | OSError | ValueError
    ):
        return f"{TRAIL}{where.words}: {type(error).__name__}"
    found = refusal(error, TRAIL, where.region)
    return f"{TRAIL}{where.words}: {found.reason if isinstance(found, Refusal) else found.message}"


def _rest(queue: Sequence[tuple[Lookup, str | None, int]]) -> str:
    """What was not asked, in words."""
    names = list(dict.fromkeys(lookup.value for lookup, _, page in queue if page == 1))
    if not names:
        return "not all pages were read"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'was' if len(names) == 1 else 'were'} not asked about"
