"""The tabs of the page."""

__all__: list[str] = []
