"""``whyblocked athena-ddl s3://BUCKET/PREFIX/``: the table with which Athena reads a flow log."""

from __future__ import annotations

import click

from whyblocked.cli.options import AccountSettings, account_options
from whyblocked.errors import UsageError
from whyblocked.text import clean


@click.command("athena-ddl", short_help="Print a table of flow logs for Athena.")
@click.argument("location", metavar="s3://BUCKET/PREFIX/")
@click.option("--table", metavar="NAME", default="vpc_flow_logs", help="The name of the table (vpc_flow_logs).")
@click.option("--log-format", metavar="FIELDS", help="The fields of the records, as '${version} ...'.")
@account_options
def command(
    location: str,
    table: str,
    log_format: str | None,
    settings: AccountSettings,
) -> int:
    """Print the CREATE TABLE statement for the flow logs that are delivered to a place in S3.

    The fields are those of the account's flow log that delivers there, or of a file there. Partitions are projected:
    they need no upkeep. Run it in Athena, then read the table with --flow-logs athena:DATABASE.vpc_flow_logs.
    """
    from whyblocked.flowlogs.ddl import create_table, is_name
    from whyblocked.flowlogs.fields import parse_format
    from whyblocked.flowlogs.layouts import find_layout, place_of

    place = place_of(location)
    if not all(map(is_name, table.split("."))):
        raise UsageError(f"--table: {clean(table, 60)!r} is no name for a table: letters, digits and _")
    form = parse_format(log_format) if log_format is not None else None
    from whyblocked.cli.output import emit, note
    from whyblocked.flowlogs.configured import all_logs

    client = settings.clients()
    s3 = client("s3", None)
    logs, notes = all_logs(settings.open())
    found = find_layout(s3, place, logs, form, lambda: client("sts", None), str(s3.meta.region_name))
    for line in (*notes, *found.notes):
        note(f"whyblocked: {clean(line, 1000)}")
    emit(create_table(table, found.layout))
    return 0
