"""The question as the simulator takes it (see :mod:`whyblocked.network.asked`)."""

from whyblocked.network.asked import ALL_PROTOCOLS, Asked, End, Question

__all__ = ["ALL_PROTOCOLS", "Asked", "End", "Question"]
