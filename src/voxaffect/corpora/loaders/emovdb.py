"""EmoV-DB: `bea_Angry/anger_1-28_0001.wav` or `bea/Angry/...`; the folder is the speaker."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names

CARD = CorpusCard(
    name="emovdb",
    title="Emotional Voices Database (EmoV-DB)",
    language="English",
    elicitation="acted",
    license="non-commercial",
    citation="A. Adigwe, N. Tits, K. El Haddad, S. Ostadabbas, T. Dutoit: The Emotional Voices "
    "Database: Towards Controlling the Emotion Dimension in Voice Generation Systems. "
    "arXiv:1806.09514, 2018",
    url="https://www.openslr.org/115/",
    labels={"neutral": 1585, "anger": 1308, "amused": 1330, "disgust": 1033, "sleepiness": 1744},
    faults=(
        "Speaker josh has neither anger nor disgust.",
        "Level and sample rate differ by speaker, so a recording gives its speaker away.",
        "Some recordings are 64-bit floating point.",
    ),
    speakers={"bea": 1_866, "jenie": 1_817, "josh": 863, "sam": 2_454},
    genders={"female": 3_683, "male": 3_317},
)

GENDERS = {"bea": "female", "jenie": "female", "josh": "male", "sam": "male"}
FOLDER = re.compile(rf"({'|'.join(GENDERS)})(?:_.*)?", re.IGNORECASE)
# The last number is the sentence of CMU Arctic, the two before it a range that the file is from.
NAME = re.compile(
    rf"(?P<emotion>{'|'.join(CARD.labels)})_\d+[-_]\d+_(?P<sentence>\d{{4}})", re.IGNORECASE
)


def _parse_name(name: re.Match[str], path: PurePath) -> ParsedName | Excluded:
    folders = [match for part in path.parts[:-1] if (match := FOLDER.fullmatch(part))]
    if not folders:
        detail = f"is not in a folder of a speaker ({', '.join(GENDERS)}); left out"
        return Excluded("unknown speaker", detail, is_fault=True)
    speaker = folders[-1][1].lower()
    return ParsedName(name["emotion"].lower(), speaker, GENDERS[speaker], name["sentence"])


parse = partial(
    corpus_from_names, CARD, NAME, _parse_name, "bea_Angry/anger_1-28_0001.wav", parents=FOLDER
)
