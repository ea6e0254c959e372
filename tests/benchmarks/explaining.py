"""``python -m tests.benchmarks.explaining SNAPSHOT LOCATION``: how long it takes to explain groups that were read.

Prints the groups, and the seconds for judging each by the rules, putting them together and finding the causes of the
first hundred: all that `whyblocked rejects --top 100` does between reading the records and printing.
"""

from __future__ import annotations

import gc
import sys
import time
from datetime import UTC, datetime

from whyblocked import api
from whyblocked.diagnosis.judging import judge
from whyblocked.diagnosis.lookups import Rules
from whyblocked.diagnosis.places import Places
from whyblocked.diagnosis.rejects import Rejects, RejectsRequest
from whyblocked.diagnosis.sources import read
from whyblocked.diagnosis.summing import add_up
from whyblocked.network.simulator import Simulator


def main(snapshot: str, location: str) -> None:
    """Read, then explain against the clock."""
    gc.disable()  # as the program does
    account = api.snapshot(snapshot)
    simulator = Simulator(account)
    done = read(account, RejectsRequest(locations=(location,)), datetime.now(UTC))
    table = done.found.table
    start, cpu_start = time.perf_counter(), time.process_time()
    places = Places(simulator, table.interfaces)
    answer = Rejects(done, judge(table, Rules(table, places)), places, 100)
    add_up(answer, "rule")
    assert answer.document.groups
    print(len(table), time.perf_counter() - start, time.process_time() - cpu_start)


if __name__ == "__main__":
    main(*sys.argv[1:])
