from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.typing import ColorType

from voxaffect.report.figures.confusions import SHADES, tone


def luminance(colour: ColorType) -> float:
    """Relative luminance of sRGB, WCAG 2."""
    rgb = np.array(to_rgb(colour), np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("share", np.linspace(0, 1, 101))
def test_a_share_can_be_read_on_its_shade(share: float) -> None:
    low, high = sorted((luminance(SHADES(share)), luminance(tone(share))))
    assert (high + 0.05) / (low + 0.05) >= 4.5
