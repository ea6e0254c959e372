"""A slow, simple second opinion: one packet at a time over raw AWS JSON, written from the facts and not from the
product."""
