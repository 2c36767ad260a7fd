"""Pictures in and out: opening safely, and what is taken home."""

__all__: list[str] = []
