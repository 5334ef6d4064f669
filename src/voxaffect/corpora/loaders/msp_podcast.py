"""MSP-Podcast: `Audios/MSP-PODCAST_0001_0008.wav`, labeled in `Labels/labels_consensus.csv`."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from voxaffect.corpora import label_parsing
from voxaffect.corpora.corpus import UNKNOWN_SPEAKER, Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName

CARD = CorpusCard(
    name="msp_podcast",
    title="MSP-Podcast corpus",
    language="English",
    elicitation="natural",
    license="by request from the authors",
    citation="R. Lotfian, C. Busso: Building Naturalistic Emotionally Balanced Speech Corpus by "
    "Retrieving Emotional Speech from Existing Podcast Recordings. IEEE Transactions on Affective "
    "Computing 10(4), 2019",
    url="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    faults=(
        "Every release is larger than the last, so no counts are expected.",
        "Early releases spell the label file `labels_concensus.csv`.",
        "The speakers of some segments are not known; they count as one, `?`.",
        "A third test set is given without labels.",
        "Releases differ in their columns; some lack ratings.",
    ),
)

EMOTIONS = {
    "A": "anger", "C": "contempt", "D": "disgust", "F": "fear", "H": "happiness",
    "N": "neutral", "O": "other", "S": "sadness", "U": "surprise", "X": "no agreement",
}  # fmt: skip
GENDERS = {"Female": "female", "Male": "male", "Unknown": None, "": None}
SCALE = 7  # points of the self-assessment manikins, from 1: calm, or negative
NAME = re.compile(r"MSP-PODCAST_(?P<podcast>\d+)_\d+(?:_\d+)?")


def parse(root: Path) -> Corpus:
    """Read the segments and their consensus labels below `root`."""
    files = ("labels_consensus.csv", "labels_concensus.csv")
    columns = ("filename", "emoclass", "spkrid", "gender")
    labels = label_parsing.read_table(root, files, columns, _parse_row)
    example = "Audios/MSP-PODCAST_0001_0008.wav"  # the third test set has no labels
    return label_parsing.corpus_from_labels(CARD, root, NAME, labels, example, labels_all=False)


def _parse_row(row: Mapping[str, str]) -> tuple[str, ParsedName | Excluded]:
    stem = PurePath(row["filename"]).stem
    name = NAME.fullmatch(stem)
    if name is None:
        raise label_parsing.LineError(f"{row['filename']!r} is not the name of a segment")
    if not row["emoclass"]:
        return stem, Excluded("no label", "has no emotion in the label file; left out")
    return stem, ParsedName(
        label=label_parsing.look_up(EMOTIONS, row["emoclass"], "emotion"),
        speaker=UNKNOWN_SPEAKER if row["spkrid"] in {"Unknown", ""} else row["spkrid"],
        gender=label_parsing.look_up(GENDERS, row["gender"], "gender"),
        session=name["podcast"],
        arousal=label_parsing.unit_interval(row.get("emoact"), SCALE),
        valence=label_parsing.unit_interval(row.get("emoval"), SCALE),
    )
