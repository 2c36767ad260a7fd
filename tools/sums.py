"""Write the sha256 of every preset's picture into its entry: `python tools/sums.py`.

Run it after repainting; the app leaves out a preset whose picture is not the one its entry means.
"""

import hashlib
import re
from pathlib import Path

__all__ = ["main"]

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FILE = re.compile(r'^file = "([^"]+)"\n(?:sha256 = "[0-9a-f]*"\n)?', re.MULTILINE)


def _checksummed(entry: re.Match[str]) -> str:
    digest = hashlib.sha256((EXAMPLES / entry[1]).read_bytes()).hexdigest()
    return f'file = "{entry[1]}"\nsha256 = "{digest}"\n'


def main() -> None:
    """Rewrite `examples/presets.toml` in place."""
    path = EXAMPLES / "presets.toml"
    text, count = FILE.subn(_checksummed, path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    print(f"{count} entries")


if __name__ == "__main__":
    main()
