"""``whyblocked whois ADDRESS``: who has an address, an id or a name."""

from __future__ import annotations

import click

from whyblocked.cli.options import AccountSettings, account_options, output_options


@click.command("whois", short_help="Say who has an address.")
@click.argument("name", metavar="ADDRESS|NAME|ID")
@account_options
@output_options("text", "json", "markdown")
def command(
    name: str,
    settings: AccountSettings,
    output: str,
    no_color: bool,
) -> int:
    """Say who has an address, an id or a name: interface, owner, instance, groups, subnet, VPC and account.

    Exit status: 0 it is in the account, 2 it is not, 3 it could not be read, 4 AWS failed.
    """
    from whyblocked import api
    from whyblocked.cli.output import console, emit
    from whyblocked.question.grammar import parse_endpoint

    text = parse_endpoint(name, "whois").name if name.startswith("[") else name
    found = api.Session(settings.open()).whois(text)
    if output == "json":
        from whyblocked.report import json

        emit(json.render_whois(found))
    elif output == "markdown":
        from whyblocked.report import whois

        emit(whois.markdown(found))
    else:
        from whyblocked.report import whois

        whois.render(found, console(no_color))
    return found.exit_status
