"""Berlin Database of Emotional Speech: `wav/03a01Fa.wav` is speaker, sentence, emotion, version."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import (
    LeftOut,
    NameScheme,
    ParsedName,
    corpus_from_names,
    folders_above,
)
from voxaffect.corpora.label_parsing import open_label_file, read_table

PER_SPEAKER = {
    "03": 49, "08": 58, "09": 43, "10": 38, "11": 55,
    "12": 35, "13": 61, "14": 69, "15": 56, "16": 71,
}  # fmt: skip

CARD = CorpusCard(
    name="emodb",
    title="Berlin Database of Emotional Speech (EmoDB)",
    language="German",
    elicitation="acted",
    license="free for research",
    citation="F. Burkhardt, A. Paeschke, M. Rolfes, W. F. Sendlmeier, B. Weiss: A Database of "
    "German Emotional Speech. Interspeech 2005",
    url="http://emodb.bilderbar.info",
    labels={
        "neutral": 79,
        "happiness": 71,
        "sadness": 62,
        "anger": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
    },
    n_speakers=10,
    faults=(
        "Speaker 08 has no disgust and 03 and 10 have one each, so its recall is undefined there.",
        "Version 2.0.0 adds laryngograph recordings and 281 ambiguous utterances to the 535.",
        "Only db.emotion.categories.ambiguous.csv tells those 281; without it all 816 are counted.",
    ),
    speakers=PER_SPEAKER,
    genders={"female": 302, "male": 233},
    styles={"acted": 535},
)

# Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
AMBIGUOUS = "db.emotion.categories.ambiguous.csv"
LARYNGOGRAPH = re.compile("laryngo", re.IGNORECASE)
MALE = {"03", "10", "11", "12", "15"}
FEMALE = {"08", "09", "13", "14", "16"}


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`; laryngograph and ambiguous recordings are left out.

    Raises:
        CorpusError: `root` is no folder or holds no EmoDB recording.
    """
    ambiguous = read_table(open_label_file(root, AMBIGUOUS), ("file",), _read_ambiguous)
    read = partial(_read, folders_above(root, LARYNGOGRAPH), ambiguous.found)
    corpus = corpus_from_names(CARD, root, NameScheme(PATTERN, read, example="wav/03a01Fa.wav"))
    return replace(corpus, problems=(*ambiguous.problems, *corpus.problems))


PATTERN = re.compile(
    rf"(?P<speaker>{'|'.join(sorted(MALE | FEMALE))})(?P<sentence>[ab]\d\d)"
    r"(?P<emotion>[WLEAFTN])[a-f]"
)


def _read_ambiguous(row: Mapping[str, str]) -> tuple[str, str]:
    return PurePath(row["file"]).stem, row["file"]


def _read(
    above: Sequence[str], ambiguous: Collection[str], name: re.Match[str], relative: PurePath
) -> ParsedName | LeftOut:
    if above or any("laryngo" in part.lower() for part in relative.parts):
        return LeftOut("laryngograph", "is no microphone recording; left out")
    if name[0] in ambiguous:
        return LeftOut("ambiguous", "is one whose emotion listeners did not agree on; left out")
    speaker = name["speaker"]
    return ParsedName(
        label=EMOTIONS[name["emotion"]],
        speaker=speaker,
        gender="male" if speaker in MALE else "female",
        sentence=name["sentence"],
    )
