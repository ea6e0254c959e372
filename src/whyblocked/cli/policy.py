"""``whyblocked iam-policy``: what the program needs to be allowed."""

from __future__ import annotations

import click


@click.command("iam-policy", short_help="Print the least-privilege policy.")
def command() -> int:
    """Print the least-privilege IAM policy that answering questions, reading flow logs and saving snapshots needs."""
    import json

    from whyblocked.cli.output import emit
    from whyblocked.config.permissions import policy

    emit(json.dumps(policy(), indent=2) + "\n")
    return 0
