"""The app: everything that knows that a browser exists."""

__all__: list[str] = []
