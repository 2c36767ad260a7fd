"""Where weights come from: shipped, cached, or the Hugging Face Hub."""

__all__: list[str] = []
