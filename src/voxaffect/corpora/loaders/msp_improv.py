"""MSP-IMPROV: `session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav`, labeled in `Evaluation.txt`.

A name is sentence and intended emotion, speaker (F, M: the sex; then the session), scenario, and
the two sexes and number of the turn. The label file calls the same turn `UTD-IMPROV-....avi`.
"""

from __future__ import annotations

import re
from pathlib import Path

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName
from voxaffect.corpora.label_parsing import (
    LineError,
    corpus_from_labels,
    look_up,
    open_label_file,
    read_lines,
    unit_interval,
)

CARD = CorpusCard(
    name="msp_improv",
    title="MSP-IMPROV corpus of dyadic interactions",
    language="English",
    elicitation="mixed",
    license="by request from the authors",
    citation="C. Busso, S. Parthasarathy, A. Burmania, M. AbdelWahab, N. Sadoughi, E. Mower "
    "Provost: MSP-IMPROV: An Acted Corpus of Dyadic Interactions to Study Emotion Perception. "
    "IEEE Transactions on Affective Computing 8(1), 2017",
    url="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
    labels={
        "neutral": 3_477,
        "happiness": 2_644,
        "sadness": 885,
        "anger": 792,
        "other": 85,
        "no agreement": 555,
    },
    n_speakers=12,
    faults=(
        "Some releases spell the label file `Evalution.txt`.",
        "Its activation ratings run from high to low and are turned round.",
        "N stands for neutral among its letters, and for naturalness among its ratings.",
    ),
    # By scenario: 652 improvised target, 4,381 other improvised and 2,785 natural turns; 620 read.
    styles={"natural": 7_818, "acted": 620},
)

EMOTIONS = {
    "A": "anger",
    "H": "happiness",
    "N": "neutral",
    "O": "other",
    "S": "sadness",
    "X": "no agreement",
}
# Read target sentences are acted; improvised ones (S), the other turns of an improvisation (T) and
# what was said between scenes (P) are natural, as improvised speech is in IEMOCAP.
NATURALNESS = {"P": "natural", "R": "acted", "S": "natural", "T": "natural"}
TARGET = {"R", "S"}  # scenarios whose turns speak the scripted sentence

TURN = re.compile(
    r"MSP-IMPROV-S(?P<sentence>\d\d)[AHNS]-(?P<speaker>(?P<sex>[FM])(?P<session>\d\d))-"
    r"(?P<scenario>[PRST])-[FM]{2}\d{2,3}"
)
SCALE = 5
LABEL = re.compile(
    r"(?:MSP|UTD)(?P<turn>-IMPROV-[^.;]+)\.(?:avi|wav)\s*;\s*(?P<emotion>\w)\s*;"
    r"(?:\s*A:(?P<activation>[^;]*);\s*V:(?P<valence>[^;]*);)?.*"
)

# What a single rater said begins with the rater, where the label of a turn has a file's name.
RATER = re.compile(r"(?!.*IMPROV)[^.;]+;.*", re.IGNORECASE)


def parse(root: Path) -> Corpus:
    """Read the turns and their labels below `root`.

    Raises:
        CorpusError: `root` is no folder, holds no labeled turn, or its labels cannot be read.
    """
    return corpus_from_labels(
        CARD,
        root,
        read_lines(open_label_file(root, "Evaluation.txt", "Evalution.txt"), _read_line),
        pattern=TURN,
        example="session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav",
    )


def _read_line(text: str) -> tuple[str, ParsedName] | None:
    """The consensus of a turn; the lines of single raters that follow it say nothing here."""
    said = text.strip()
    if RATER.fullmatch(said):
        return None
    line = LABEL.fullmatch(said)
    turn = TURN.fullmatch(f"MSP{line['turn']}") if line else None
    if line is None or turn is None:
        raise LineError(f"{said[:60]!r} is no turn and its emotion")
    return turn[0], ParsedName(
        label=look_up(EMOTIONS, line["emotion"], "emotion"),
        speaker=turn["speaker"],
        gender="female" if turn["sex"] == "F" else "male",
        sentence=turn["sentence"] if turn["scenario"] in TARGET else None,
        session=turn["session"],
        naturalness=NATURALNESS[turn["scenario"]],
        arousal=_arousal(line["activation"]),
        valence=unit_interval(line["valence"], SCALE),
    )


def _arousal(activation: str | None) -> float | None:
    """The manikins of activation run from 1, very active, to 5: arousal is its 6 - A."""
    calmness = unit_interval(activation, SCALE)
    return None if calmness is None else 1 - calmness
