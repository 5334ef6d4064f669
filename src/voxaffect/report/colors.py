"""Colors and letters of the emotion classes, the same wherever they are drawn.

Source: Okabe and Ito (2008), distinguishable with most color vision deficiencies, and close to the
paper's green, orange, blue and red. Colors are always shown with letters, names or markers.
"""

from __future__ import annotations

from voxaffect.recognizer.prediction import NO_SPEECH, UNSURE
from voxaffect.taxonomy import EMOTION

CLASS_COLORS = dict(zip(EMOTION.classes, ("#009e73", "#e69f00", "#0072b2", "#d55e00"), strict=True))
LABEL_COLORS = {**CLASS_COLORS, UNSURE: "#999999", NO_SPEECH: "#d4d4d4"}
LETTERS = {**{name: name[0] for name in EMOTION.classes}, UNSURE: "?", NO_SPEECH: "·"}
"""Letter of every label, used if there is no space for the name."""
