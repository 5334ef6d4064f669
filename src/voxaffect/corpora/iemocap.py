"""IEMOCAP: turns of acted and improvised dialogues, labelled in `EmoEvaluation`.

`Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav` is session, who wore the markers,
dialogue, and after the last underscore who speaks (F, M: the sex). Only that last letter tells the
speaker: the one in front is of the other actor in half of the turns.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.label_files import (
    Labels,
    LineError,
    corpus_from_labels,
    joined,
    look_up,
    open_label_file,
    read_lines,
)
from voxaffect.corpora.tree import LeftOut, Spoken, find_files

CARD = CorpusCard(
    name="iemocap",
    title="Interactive Emotional Dyadic Motion Capture Database (IEMOCAP)",
    language="English",
    elicitation="mixed",
    licence="by request from the authors",
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
    ),
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
EVALUATION = re.compile(r"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(?P<turn>\w+)\s+(?P<emotion>\w+)\b.*")

WHOLE = LeftOut("whole dialogue", "is a dialogue, whose turns are read; left out")


def parse(root: Path) -> Corpus:
    """Read the turns and their evaluations below `root`.

    Raises:
        CorpusError: `root` is no folder or holds no evaluated turn.
    """
    return corpus_from_labels(
        CARD,
        root,
        _read_evaluations(root),
        pattern=FILE,
        key=_key,
        example="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav",
    )


def _key(name: re.Match[str], relative: PurePath) -> str:  # noqa: ARG001
    return name[0]


def _read_evaluations(root: Path) -> Labels:
    """Every `EmoEvaluation/<dialogue>.txt`; folders within hold the ratings of single raters."""
    paths, _ = find_files(root, _is_evaluation)
    return replace(joined(map(_read_dialogue, paths)), source="any EmoEvaluation/*.txt")


def _is_evaluation(path: Path) -> bool:
    return path.parent.name == "EmoEvaluation" and path.suffix.lower() == ".txt"


def _read_dialogue(path: Path) -> Labels:
    turns = read_lines(open_label_file(path.parent, path.name), _read_line)
    return replace(turns, found={**turns.found, path.stem: WHOLE})


def _read_line(text: str) -> tuple[str, Spoken | LeftOut] | None:
    """The consensus of a turn, `[6.29 - 8.23]<TAB>turn<TAB>code<TAB>...`; raters' lines follow."""
    if not text.startswith("["):
        return None
    line = EVALUATION.fullmatch(text.strip())
    turn = TURN.fullmatch(line["turn"]) if line else None
    if line is None or turn is None:
        raise LineError(f"{text.strip()[:60]!r} is no times, turn and emotion")
    is_scripted = turn["style"] == "script"
    return turn[0], Spoken(
        label=look_up(EMOTIONS, line["emotion"], "emotion"),
        speaker=f"{turn['session']}{turn['sex']}",
        gender="female" if turn["sex"] == "F" else "male",
        sentence=turn["scene"] if is_scripted else None,  # the script, the same in every session
        session=turn["dialogue"],
        naturalness=NATURALNESS[turn["style"]],
    )
