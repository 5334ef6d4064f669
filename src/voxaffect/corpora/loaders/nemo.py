"""nEMO: `samples/KD0_happiness_3.wav` is speaker, emotion, number; more is in `data.tsv`."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName
from voxaffect.corpora.label_parsing import LineError, corpus_from_labels, look_up, read_table

LABELS = {
    "neutral": 809, "happiness": 749, "sadness": 769,
    "anger": 749, "fear": 736, "surprised": 669,
}  # fmt: skip

CARD = CorpusCard(
    name="nemo",
    title="nEMO: Dataset of Emotional Speech in Polish",
    language="Polish",
    elicitation="acted",
    license="CC BY-NC-SA 4.0",
    citation="I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024",
    url="https://github.com/amu-cai/nEMO",
    labels=LABELS,
    n_speakers=9,
    faults=("Speakers are padded with blanks in the table.",),
)

GENDERS = {"female": "female", "male": "male"}
COLUMNS = ("file_id", "emotion", "normalized_text", "speaker_id", "gender")
NAME = re.compile(rf"(?P<speaker>[A-Z]{{2}}\d)_(?P<emotion>{'|'.join(LABELS)})_\d+")


def parse(root: Path) -> Corpus:
    """Read the recordings and `data.tsv` below `root`."""
    labels = read_table(root, ["data.tsv"], COLUMNS, _parse_row, delimiter="\t")
    return corpus_from_labels(CARD, root, NAME, labels, "samples/KD0_happiness_3.wav")


def _parse_row(row: Mapping[str, str]) -> tuple[str, ParsedName]:
    stem = PurePath(row["file_id"]).stem
    name = NAME.fullmatch(stem)
    if name is None or name.groups() != (row["speaker_id"], row["emotion"]):
        expected = f"speaker {row['speaker_id']!r} and emotion {row['emotion']!r}"
        raise LineError(f"file name {row['file_id']!r} does not match {expected}")
    return stem, ParsedName(
        label=row["emotion"],
        speaker=row["speaker_id"],
        gender=look_up(GENDERS, row["gender"], "gender"),
        sentence=row["normalized_text"] or None,
    )
