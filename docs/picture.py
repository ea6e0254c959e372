"""Makes docs/report.svg: what `whyblocked demo` prints, as a picture. Run it from the top folder."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from whyblocked.api import Session, snapshot
from whyblocked.cli.demo import incidents
from whyblocked.diagnosis.evidence import EvidenceRequest
from whyblocked.question.lines import read_line
from whyblocked.report import text

FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)


class Terminal(Console):
    """Breaks what is too long, as a terminal does with commands."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As the console, but for that."""
        super().print(*objects, **options | {"soft_wrap": False, "no_wrap": False, "crop": True, "overflow": "fold"})


def main() -> None:
    """Write the picture."""
    incident = next(iter(incidents().values()))
    question = read_line(1, (incident / "question.txt").read_text(encoding="utf-8").strip()).question
    assert question is not None
    session = Session(snapshot(incident / "snapshot"))
    logs = Path("fixtures") / incident.name / "flow.log"
    weighed = session.weigh(session.examine(question), EvidenceRequest(locations=(str(logs),)), datetime.now(UTC))
    answer = session.fix(question, weighed)
    console = Terminal(record=True, width=112, force_terminal=True, color_system="truecolor", file=io.StringIO())
    text.render(answer, console)
    picture = FONTS.sub("", console.export_svg(title="whyblocked demo"))
    picture = re.sub(r"<!--.*?-->", "", picture, flags=re.DOTALL).replace("Fira Code", "ui-monospace, Menlo, Consolas")
    picture = "\n".join(line.rstrip() for line in picture.splitlines() if line.strip())
    Path("docs/report.svg").write_text(picture + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
