"""The server: what a request may be, and what it may cost."""

__all__: list[str] = []
