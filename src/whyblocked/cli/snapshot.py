"""``whyblocked snapshot save DIR``: the account's configuration as files."""

from __future__ import annotations

from pathlib import Path

import click

from whyblocked.cli.options import AccountSettings, account_options
from whyblocked.errors import InputError, UsageError
from whyblocked.text import clean


@click.group("snapshot", short_help="Save the account's configuration.", no_args_is_help=False)
def command() -> None:
    """Work with snapshots: folders of JSON files that hold what AWS says about an account."""


@command.command("save")
@click.argument("folder", metavar="DIR")
@account_options
def save(
    folder: str,
    settings: AccountSettings,
) -> int:
    """Save the configuration to DIR/<account>/<region>/, readable by you alone.

    That is one Region, and those that its peering connections, transit gateways and shared subnets lead to: in other
    accounts as far as a further --profile or --role-arn opens them.

    Then ask with --snapshot DIR, here or where there are no credentials. Instance user data and environment
    variables are not saved.
    """
    if settings.snapshot is not None:
        raise UsageError("--snapshot: what is saved comes from AWS, not from a snapshot")
    from whyblocked.cli.output import emit, note
    from whyblocked.config.live import Live
    from whyblocked.config.save import save_snapshot

    source = settings.open().source
    assert isinstance(source, Live)
    try:
        saved = save_snapshot(Path(folder), source)
    except ValueError as error:  # a null character in the name
        raise InputError(f"{clean(folder)}: is no name for a folder: {error}") from None
    for one in saved:
        for reason in one.skipped:
            note(f"whyblocked: skipped {clean(reason, 500)}")
        emit(f"{len(one.files)} files in {clean(str(one.folder), 1000)}\n")
    return 0
