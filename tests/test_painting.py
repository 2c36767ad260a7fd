"""The procedure behind the preset pictures still paints what is committed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_painting_procedure_reproduces_a_committed_preset(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from painting import cubist_facets

    committed = Image.open(ROOT / "examples" / "styles" / "cubist-facets.jpg")
    painted = cubist_facets.paint(max(committed.size))
    assert painted.size == committed.size
    difference = np.asarray(painted, np.float32) - np.asarray(committed, np.float32)
    # What is left is JPEG's own loss, about 2.5 levels of 255.
    assert np.abs(difference).mean() < 5
