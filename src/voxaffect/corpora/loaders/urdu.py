"""URDU: `Angry/SM1_F10_A010.wav` is speaker (M, F: the sex), file, emotion and number."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names

PER_SPEAKER = {
    "SF1": 12, "SF2": 2, "SF3": 2, "SF4": 4, "SF5": 4, "SF6": 14, "SF7": 6, "SF8": 2, "SF9": 4,
    "SF10": 2, "SF11": 4, "SM1": 22, "SM2": 28, "SM3": 12, "SM4": 48, "SM5": 80, "SM6": 14,
    "SM7": 28, "SM17": 2, "SM18": 2, "SM19": 2, "SM20": 10, "SM21": 4, "SM22": 2, "SM23": 6,
    "SM24": 38, "SM25": 40, "SM26": 2, "SM27": 4,
}  # fmt: skip

CARD = CorpusCard(
    name="urdu",
    title="URDU-Dataset: emotional speech of Urdu talk shows",
    language="Urdu",
    elicitation="natural",
    license="research only",
    citation="S. Latif, A. Qayyum, M. Usman, J. Qadir: Cross Lingual Speech Emotion Recognition: "
    "Urdu vs. Western Languages. FIT 2018",
    url="https://github.com/siddiquelatif/URDU-Dataset",
    labels={"neutral": 100, "happy": 100, "sad": 100, "angry": 100},
    faults=(
        "Its description counts 38 speakers, its file names 29.",
        "Speakers are very uneven, 2 to 80 clips, and few have all emotions.",
    ),
    speakers=PER_SPEAKER,
    genders={"female": 56, "male": 344},
)

EMOTIONS = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}
NAME = re.compile(r"(?P<speaker>S[MF]\d+)_F\d+_(?P<emotion>[AHNS])\d+")


def _parse_name(name: re.Match[str], relative: PurePath) -> ParsedName | Excluded:
    label = EMOTIONS[name["emotion"]]
    folder = relative.parent.name.lower()
    if folder in EMOTIONS.values() and folder != label:
        detail = f"is {label} by its name, {folder} by its folder; left out"
        return Excluded("contradicting label", detail, is_fault=True)
    sex = "male" if name["speaker"].startswith("SM") else "female"
    return ParsedName(label=label, speaker=name["speaker"], gender=sex)


parse = partial(corpus_from_names, CARD, NAME, _parse_name, "Angry/SM1_F10_A010.wav")
