"""IEMOCAP: turns of acted and improvised dialogues, labeled in `EmoEvaluation`.

`Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav` is session, who wore the markers,
dialogue, and after the last underscore who speaks (F, M: the sex). Only that last letter tells the
speaker: the one in front is of the other actor in half of the turns.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import LeftOut, ParsedName, find_files
from voxaffect.corpora.label_parsing import (
    Labels,
    LineError,
    corpus_from_labels,
    joined,
    look_up,
    read_label_file,
    read_lines,
    unit_interval,
)

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
    labels={
        "neutral": 1_708,
        "happy": 595,
        "sad": 1_084,
        "angry": 1_103,
        "excited": 1_041,
        "frustrated": 1_849,
        "fearful": 40,
        "surprised": 107,
        "disgusted": 2,
        "other": 3,
        "no agreement": 2_507,
    },
    n_speakers=10,
    faults=(
        "The letter in front of a name is who wore the markers, not who speaks.",
        "Some papers count excited turns as happy; here they are excluded unless mapped.",
        "Some turns lack a rating.",
    ),
    styles={"natural": 4_784, "acted": 5_255},  # as its paper counts spontaneous and scripted turns
)

EMOTIONS = {
    "ang": "angry",
    "hap": "happy",
    "sad": "sad",
    "neu": "neutral",
    "exc": "excited",
    "fru": "frustrated",
    "fea": "fearful",
    "sur": "surprised",
    "dis": "disgusted",
    "oth": "other",
    "xxx": "no agreement",
}
# As in the paper: improvised speech stands for natural, scripted for acted.
NATURALNESS = {"impro": "natural", "script": "acted"}

DIALOGUE = (
    r"(?P<dialogue>(?P<session>Ses0[1-5])[FM]_"
    r"(?P<scene>(?P<style>impro|script)\d{2}[ab]?(?:_\d[ab]?)?))"
)
TURN = re.compile(rf"{DIALOGUE}_(?P<sex>[FM])\d{{3}}")
FILE = re.compile(rf"{DIALOGUE}(?:_[FM]\d{{3}})?")
SCALE = 5
# The means of the raters are in the order valence, activation, dominance.
EVALUATION = re.compile(
    r"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(?P<turn>\w+)\s+(?P<emotion>\w+)\b"
    r"(?:\s*\[(?P<valence>[^],]*),(?P<activation>[^],]*)[],])?.*"
)

# Before the turns stands a heading; after each, what single raters said: `C-E2:`, `A-F1:`.
OTHER_LINE = re.compile(r"%.*|[AC]-\w+:.*")

WHOLE = LeftOut("whole dialogue", "is a dialogue, whose turns are read; left out")


def parse(root: Path) -> Corpus:
    """Read the turns and their evaluations below `root`.

    Raises:
        CorpusError: `root` is no folder, holds no evaluated turn, or no evaluation can be read.
    """
    return corpus_from_labels(
        CARD,
        root,
        _read_evaluations(root),
        pattern=FILE,
        example="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav",
    )


def _read_evaluations(root: Path) -> Labels:
    """Every `EmoEvaluation/<dialogue>.txt`; folders within hold the ratings of single raters."""
    paths, _ = find_files(root, _is_evaluation)
    dialogues = joined(_read_dialogue(root, path) for path in paths)
    return replace(dialogues, source="any EmoEvaluation/*.txt")


def _is_evaluation(path: Path) -> bool:
    return path.parent.name == "EmoEvaluation" and path.suffix.lower() == ".txt"


def _read_dialogue(root: Path, path: Path) -> Labels:
    turns = read_lines(read_label_file(root, path), _read_line)
    return replace(turns, found={**turns.found, path.stem: WHOLE}) if turns.found else turns


def _read_line(text: str) -> tuple[str, ParsedName | LeftOut] | None:
    """The consensus of a turn, `[6.29 - 8.23]<TAB>turn<TAB>code<TAB>...`; raters' lines follow."""
    said = text.strip()
    if OTHER_LINE.fullmatch(said):
        return None
    line = EVALUATION.fullmatch(said)
    turn = TURN.fullmatch(line["turn"]) if line else None
    if line is None or turn is None:
        raise LineError(f"{said[:60]!r} is no times, turn and emotion")
    is_scripted = turn["style"] == "script"
    return turn[0], ParsedName(
        label=look_up(EMOTIONS, line["emotion"], "emotion"),
        speaker=f"{turn['session']}{turn['sex']}",
        gender="female" if turn["sex"] == "F" else "male",
        sentence=turn["scene"] if is_scripted else None,  # the script, the same in every session
        session=turn["dialogue"],
        naturalness=NATURALNESS[turn["style"]],
        arousal=unit_interval(line["activation"], SCALE),
        valence=unit_interval(line["valence"], SCALE),
    )
