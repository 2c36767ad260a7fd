"""Parts of the page that its tabs share."""

__all__: list[str] = []
