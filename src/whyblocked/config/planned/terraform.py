"""Plans of Terraform and OpenTofu (to come)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whyblocked.errors import EditError

if TYPE_CHECKING:
    from whyblocked.config.planned import Planned


def read_plan(text: str, name: str) -> Planned:  # noqa: ARG001
    raise EditError(f"{name}: plans are not read yet")
