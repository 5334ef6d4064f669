"""Colors and letters of the emotion classes, the same wherever they are drawn.

Okabe and Ito's (2008), which most color-blind readers tell apart; the paper's green, orange, blue
and red come nearest. Color is never alone: letters, names or marks stand beside it.
"""

from __future__ import annotations

from voxaffect.recognizer.prediction import UNSURE
from voxaffect.taxonomy import EMOTION

CLASS_COLORS = dict(zip(EMOTION.classes, ("#009e73", "#e69f00", "#0072b2", "#d55e00"), strict=True))
LABEL_COLORS = {**CLASS_COLORS, UNSURE: "#999999"}
LETTERS = {**{name: name[0] for name in EMOTION.classes}, UNSURE: "?"}
"""Of every label: a letter stands where there is no room for the name."""
