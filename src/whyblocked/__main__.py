"""``python -m whyblocked``."""

from whyblocked.cli.main import entry

entry()
