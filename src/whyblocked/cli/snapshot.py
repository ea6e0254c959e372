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
    profile: tuple[str, ...],
    region: str | None,
    endpoint_url: str | None,
    snapshot: str | None,
    debug: bool,
    role_arn: str | None,
) -> int:
    """Save the configuration of one Region to DIR/<account>/<region>/, readable by you alone.

    Then ask with --snapshot DIR, here or where there are no credentials. Instance user data and environment
    variables are not saved.
    """
    if snapshot is not None:
        raise UsageError("--snapshot: what is saved comes from AWS, not from a snapshot")
    from whyblocked.cli.output import emit, note
    from whyblocked.config.live import Live
    from whyblocked.config.save import save_snapshot

    source = AccountSettings(profile, region, endpoint_url, None, debug, role_arn).open().source
    assert isinstance(source, Live)
    try:
        saved = save_snapshot(Path(folder), source)
    except ValueError as error:  # a null character in the name
        raise InputError(f"{clean(folder)}: is no name for a folder: {error}") from None
    for reason in saved.skipped:
        note(f"whyblocked: skipped {clean(reason, 500)}")
    emit(f"{len(saved.files)} files in {clean(str(saved.folder), 1000)}\n")
    return 0
