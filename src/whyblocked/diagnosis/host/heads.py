"""What the records say of the host, in a few words that fit behind a verdict."""

from __future__ import annotations

from whyblocked.diagnosis.answer import Finding

_HEADS = {
    "HOST_SENDS_NOTHING_BACK": "nothing comes back from the host",
    "HOST_REFUSES_CONNECTIONS": "the host answered with {how}: port closed",
    "REPLY_LOST_ON_THE_WAY_BACK": "the host answered, and its reply got lost on the way back",
    "CLIENT_IGNORES_REPLIES": "the replies arrive, and the client goes on asking",
    "IDLE_CONNECTION_FORGOTTEN": "an idle connection was forgotten on the way",
    "CONNECTION_FALLS_SILENT": "an open connection fell silent",
    "LARGE_PACKETS_LOST": "small packets arrive, large ones get lost",
    "NOTHING_ARRIVES": "the records show none of it",
}


def headline(finding: Finding) -> str:
    """``AWS lets it pass; the host answered with RST: port closed``, for a finding of the layer ``host``."""
    says = _HEADS.get(finding.code, "of the host the records say more").format(
        how="ICMP" if finding.packets.protocol == "udp" else "RST"
    )
    return f"AWS lets it pass; {says}{' (low confidence)' if finding.confidence == 'low' else ''}"
