"""eNTERFACE'05: `subject 1/anger/sentence 1/s1_an_1.avi`, or its sound as `.wav`.

Folders are right where file names are not: all files of subject 11 are named after subject 12.
"""

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ADULTS, Excluded, ParsedName, corpus_from_names
from voxaffect.corpora.label_parsing import add_genders

FOLDERS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
EMOTIONS = {folder[:2]: folder for folder in FOLDERS}

CARD = CorpusCard(
    name="enterface",
    title="eNTERFACE'05 Audio-Visual Emotion Database",
    language="English",
    elicitation="acted",
    license="free for research",
    citation="O. Martin, I. Kotsia, B. Macq, I. Pitas: The eNTERFACE'05 Audio-Visual Emotion "
    "Database. ICDE Workshops 2006",
    url="http://www.enterface.net/enterface05",
    labels=dict.fromkeys(FOLDERS, 215) | {"happiness": 212},
    faults=(
        "Subject 6 is not cut into sentences and is left out.",
        "The files of subject 11 are named s12; without their folders they pass for subject 12.",
        "Subject 2 has anger sentences 1 and 2 in each other's folder; the folder is followed.",
        "Subject 23 lacks happiness sentences 1 to 3.",
        "Some files of subject 3 are named s_3, and one of subject 16 ends in 3avi.",
        "It has no neutral class, and does not state its subjects' sexes.",
    ),
    speakers={str(n): 27 if n == 23 else 30 for n in range(1, 45) if n != 6},
)

EXAMPLE = "subject 1/anger/sentence 1/s1_an_1.avi"
NAME = re.compile(
    rf"s_?(?P<subject>\d+)_(?P<emotion>{'|'.join(EMOTIONS)})(?:_(?P<sentence>\d)(?:avi)?)?",
    re.IGNORECASE,
)
FOLDER = re.compile(
    rf"subject *(?P<subject>\d+)|(?P<emotion>{'|'.join(FOLDERS)})|sentence *(?P<sentence>\d)",
    re.IGNORECASE,
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`, and the subjects' sexes from `speaker_genders.txt`."""
    corpus = corpus_from_names(CARD, NAME, _parse_name, EXAMPLE, root, parents=FOLDER)
    return add_genders(corpus, ADULTS)


def _parse_name(name: re.Match[str], path: PurePath) -> ParsedName | Excluded:
    if name["sentence"] is None:
        return Excluded("unsegmented", "has all sentences of an emotion in one file; left out")
    fields = name.groupdict()
    for folder in path.parts[:-1]:
        match = FOLDER.fullmatch(folder)
        fields |= {key: value for key, value in match.groupdict().items() if value} if match else {}
    code = fields["emotion"][:2].lower()
    subject = str(int(fields["subject"]))
    return ParsedName(EMOTIONS[code], speaker=subject, sentence=f"{code}{fields['sentence']}")
