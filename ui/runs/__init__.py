"""Runs: from what was asked for to what is kept of it."""

__all__: list[str] = []
