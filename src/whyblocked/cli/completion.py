"""``whyblocked completion SHELL``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click

from whyblocked.cli.output import emit


@click.command("completion", short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script for SHELL.

    \b
    bash: eval "$(whyblocked completion bash)"     in ~/.bashrc
    zsh:  eval "$(whyblocked completion zsh)"      in ~/.zshrc, behind compinit
    fish: whyblocked completion fish | source      in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from whyblocked.cli.commands import COMPLETE, program

    kind = get_completion_class(shell)
    assert kind is not None
    emit(kind(program, {}, "whyblocked", COMPLETE).source() + "\n")
    return 0
