"""One account, any number of questions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from whyblocked.config.account import Account
from whyblocked.network.rulebook import Rulebook

if TYPE_CHECKING:
    from whyblocked.network.asked import Asked
    from whyblocked.network.graph import NetworkGraph
    from whyblocked.network.walk import Walk


class Simulator:
    """The path model of an account, with everything that one question leaves ready for the next."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.rulebook = Rulebook(account)

    @cached_property
    def graph(self) -> NetworkGraph:
        """Made for the first walk: what looks at rules alone needs none of this."""
        from whyblocked.network.graph import NetworkGraph
        from whyblocked.network.hops import NEIGHBOURS

        return NetworkGraph(self.account, NEIGHBOURS)

    def walk(self, asked: Asked) -> Walk:
        """Follow the packets of a question and their replies."""
        from whyblocked.network.hops import HANDLERS
        from whyblocked.network.start import starts
        from whyblocked.network.walk import Walk

        walk = Walk(self.account, self.graph, self.rulebook, HANDLERS)
        walk.run(starts(walk, asked))
        return walk
