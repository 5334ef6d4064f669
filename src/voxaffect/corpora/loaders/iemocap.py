"""IEMOCAP: turns of acted and improvised dialogues, labeled in `EmoEvaluation`.

`Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav` is session, actor with the motion
capture markers, dialogue, and after the last underscore the speaker (F, M: the sex). The letter in
front is the other actor's in half of the turns.
"""

import re
from dataclasses import replace
from pathlib import Path

from voxaffect.corpora import label_parsing
from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, find_files

# Code -> label, and its utterances in the full distribution.
EMOTIONS = {
    "neu": ("neutral", 1_708), "hap": ("happy", 595), "sad": ("sad", 1_084),
    "ang": ("angry", 1_103), "exc": ("excited", 1_041), "fru": ("frustrated", 1_849),
    "fea": ("fearful", 40), "sur": ("surprised", 107), "dis": ("disgusted", 2),
    "oth": ("other", 3), "xxx": ("no agreement", 2_507),
}  # fmt: skip

CARD = CorpusCard(
    name="iemocap",
    title="Interactive Emotional Dyadic Motion Capture Database (IEMOCAP)",
    language="English",
    elicitation="mixed",
    license="by request from the authors",
    citation="C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, "
    "S. S. Narayanan: IEMOCAP: Interactive emotional dyadic motion capture database. Language "
    "Resources and Evaluation 42(4), 2008",
    url="https://sail.usc.edu/iemocap/",
    labels=dict(EMOTIONS.values()),
    n_speakers=10,
    faults=(
        "The letter in front of a name is the actor with the markers, not the speaker.",
        "Some papers count excited turns as happy; here they are excluded unless mapped.",
        "Some turns lack a rating.",
    ),
    styles={"natural": 4_784, "acted": 5_255},  # as its paper counts spontaneous and scripted turns
)

DIALOGUE = (
    r"(?P<dialogue>(?P<session>Ses0[1-5])[FM]_"
    r"(?P<scene>(?P<style>impro|script)\d{2}[ab]?(?:_\d[ab]?)?))"
)
TURN = re.compile(rf"{DIALOGUE}_(?P<sex>[FM])\d{{3}}")
FILE = re.compile(rf"{DIALOGUE}(?:_[FM]\d{{3}})?")
SCALE = 5
# Mean ratings are in the order valence, activation, dominance.
EVALUATION = re.compile(
    r"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(?P<turn>\w+)\s+(?P<emotion>\w+)\b"
    r"(?:\s*\[(?P<valence>[^],]*),(?P<activation>[^],]*)[],])?.*"
)

# A heading, or the label of a single rater after a turn: `C-E2:`, `A-F1:`.
OTHER_LINE = re.compile(r"%.*|[AC]-\w+:.*")
WHOLE = Excluded("whole dialogue", "is a whole dialogue, whose turns are read; left out")


def parse(root: Path) -> Corpus:
    """Read turns and their evaluations, `EmoEvaluation/<dialogue>.txt`, not in its subfolders."""
    paths, _ = find_files(
        root, lambda path: path.parent.name == "EmoEvaluation" and path.suffix.lower() == ".txt"
    )
    dialogues = label_parsing.merge_entries(_read_dialogue(root, path) for path in paths)
    labels = replace(dialogues, source="any EmoEvaluation/*.txt")
    example = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav"
    return label_parsing.corpus_from_labels(CARD, root, FILE, labels, example)


def _read_dialogue(root: Path, path: Path) -> label_parsing.Labels:
    turns = label_parsing.read_lines(label_parsing.read_label_file(root, path), _parse_line)
    return replace(turns, found={**turns.found, path.stem: WHOLE}) if turns.found else turns


def _parse_line(text: str) -> tuple[str, ParsedName | Excluded] | None:
    """Consensus label of a turn: `[6.29 - 8.23]<TAB>turn<TAB>code<TAB>...`."""
    text = text.strip()
    if OTHER_LINE.fullmatch(text):
        return None
    line = EVALUATION.fullmatch(text)
    turn = TURN.fullmatch(line["turn"]) if line else None
    if line is None or turn is None:
        raise label_parsing.LineError(f"{text[:60]!r} is not a line of times, turn and emotion")
    is_scripted = turn["style"] == "script"
    return turn[0], ParsedName(
        label=label_parsing.look_up(EMOTIONS, line["emotion"], "emotion")[0],
        speaker=f"{turn['session']}{turn['sex']}",
        gender="female" if turn["sex"] == "F" else "male",
        sentence=turn["scene"] if is_scripted else None,  # the script, the same in every session
        session=turn["dialogue"],
        naturalness="acted" if is_scripted else "natural",  # as in the paper
        arousal=label_parsing.unit_interval(line["activation"], SCALE),
        valence=label_parsing.unit_interval(line["valence"], SCALE),
    )
