"""Explains why AWS network traffic is blocked."""

__version__ = "0.1.0"
