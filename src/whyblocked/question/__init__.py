"""The question: its grammar, and finding in an account what its two ends mean."""
