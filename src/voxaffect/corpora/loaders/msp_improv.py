"""MSP-IMPROV: `session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav`, labeled in `Evaluation.txt`.

A name is sentence and intended emotion, speaker (F, M: the sex; then the session), scenario, and
the two sexes and number of the turn. In the label file, it begins with `UTD` and ends in `.avi`.
"""

import re
from pathlib import Path

from voxaffect.corpora import label_parsing
from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName

# Code -> label, and its utterances in the full distribution.
EMOTIONS = {
    "N": ("neutral", 3_477), "H": ("happiness", 2_644), "S": ("sadness", 885),
    "A": ("anger", 792), "O": ("other", 85), "X": ("no agreement", 555),
}  # fmt: skip

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
    labels=dict(EMOTIONS.values()),
    n_speakers=12,
    faults=(
        "Some releases spell the label file `Evalution.txt`.",
        "Its activation ratings run from high to low and are inverted.",
        "N stands for neutral among its letters, and for naturalness among its ratings.",
    ),
    # By scenario: 652 improvised target, 4,381 other improvised and 2,785 natural turns; 620 read.
    styles={"natural": 7_818, "acted": 620},
)

# Read target sentences are acted; improvised ones (S), the other turns of an improvisation (T) and
# speech between scenes (P) are natural, as improvised speech is in IEMOCAP.
NATURALNESS = {"P": "natural", "R": "acted", "S": "natural", "T": "natural"}
TARGET = {"R", "S"}  # scenarios whose turns are the scripted sentence
TURN = re.compile(
    r"MSP-IMPROV-S(?P<sentence>\d\d)[AHNS]-(?P<speaker>(?P<sex>[FM])(?P<session>\d\d))-"
    r"(?P<scenario>[PRST])-[FM]{2}\d{2,3}"
)
SCALE = 5
LABEL = re.compile(
    r"(?:MSP|UTD)(?P<turn>-IMPROV-[^.;]+)\.(?:avi|wav)\s*;\s*(?P<emotion>\w)\s*;"
    r"(?:\s*A:(?P<activation>[^;]*);\s*V:(?P<valence>[^;]*);)?.*"
)

# The label of a single rater begins with the rater, that of a turn with a file's name.
RATER = re.compile(r"(?!.*IMPROV)[^.;]+;.*", re.IGNORECASE)


def parse(root: Path) -> Corpus:
    """Read the turns and their labels below `root`."""
    file = label_parsing.open_label_file(root, "Evaluation.txt", "Evalution.txt")
    labels = label_parsing.read_lines(file, _parse_line)
    example = "session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav"
    return label_parsing.corpus_from_labels(CARD, root, TURN, labels, example)


def _parse_line(text: str) -> tuple[str, ParsedName] | None:
    """Consensus label of a turn."""
    text = text.strip()
    if RATER.fullmatch(text):
        return None
    line = LABEL.fullmatch(text)
    turn = TURN.fullmatch(f"MSP{line['turn']}") if line else None
    if line is None or turn is None:
        raise label_parsing.LineError(f"{text[:60]!r} is not a line of turn and emotion")
    # Activation is from 1, very active, to 5: arousal is 6 - A.
    calmness = label_parsing.unit_interval(line["activation"], SCALE)
    return turn[0], ParsedName(
        label=label_parsing.look_up(EMOTIONS, line["emotion"], "emotion")[0],
        speaker=turn["speaker"],
        gender="female" if turn["sex"] == "F" else "male",
        sentence=turn["sentence"] if turn["scenario"] in TARGET else None,
        session=turn["session"],
        naturalness=NATURALNESS[turn["scenario"]],
        arousal=None if calmness is None else 1 - calmness,
        valence=label_parsing.unit_interval(line["valence"], SCALE),
    )
