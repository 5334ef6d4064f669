"""FAU AIBO in the package of the INTERSPEECH 2009 Emotion Challenge, its five classes.

`wav/Mont_01_000_00.wav` is school, child, turn, chunk, labeled in `chunk_labels_5cl_corpus.txt`.
"""

import re
from pathlib import Path

from voxaffect.corpora import label_parsing
from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName
from voxaffect.corpora.label_parsing import LineError

# Code -> label, and its utterances in the full distribution. Anger is angry, touchy and
# reprimanding; positive is motherese and joyful.
EMOTIONS = {
    "N": ("neutral", 10_967), "P": ("positive", 889), "A": ("anger", 1_492),
    "E": ("emphatic", 3_601), "R": ("rest", 1_267),
}  # fmt: skip

CARD = CorpusCard(
    name="aibo",
    title="FAU AIBO Emotion Corpus (INTERSPEECH 2009 Emotion Challenge)",
    language="German",
    elicitation="natural",
    license="by request from the authors",
    citation="S. Steidl: Automatic Classification of Emotion-Related User States in Spontaneous "
    "Children's Speech. Logos 2009; B. Schuller, S. Steidl, A. Batliner: The INTERSPEECH 2009 "
    "Emotion Challenge. Interspeech 2009",
    url="https://www5.cs.fau.de/en/our-team/steidl-stefan/fau-aibo-emotion-corpus/",
    labels=dict(EMOTIONS.values()),
    n_speakers=51,
    faults=(
        "Child numbers repeat in the two schools: a child is school and number.",
        "The sexes of the children are in the corpus's documentation, not in its labels.",
        "Many chunks are shorter than a quarter of a second; the longest has 24 s.",
    ),
)

CHUNK = re.compile(r"(?P<turn>(?P<child>(?:Ohm|Mont)_\d{2})_\d{3})_\d{2}")


def parse(root: Path) -> Corpus:
    """Read chunks and labels below `root`, and the children's sexes from `speaker_genders.txt`."""
    file = label_parsing.open_label_file(root, "chunk_labels_5cl_corpus.txt")
    labels = label_parsing.read_lines(file, _parse_line)
    corpus = label_parsing.corpus_from_labels(CARD, root, CHUNK, labels, "wav/Mont_01_000_00.wav")
    return label_parsing.add_genders(corpus, label_parsing.CHILDREN)


def _parse_line(text: str) -> tuple[str, ParsedName]:
    fields = text.split()
    if len(fields) != 3:
        raise LineError(f"has {len(fields)} fields instead of chunk, class and confidence")
    chunk = CHUNK.fullmatch(fields[0])
    if chunk is None:
        raise LineError(f"{fields[0]!r} is not a chunk name such as Mont_01_000_00")
    label, _ = label_parsing.look_up(EMOTIONS, fields[1], "class")
    return chunk[0], ParsedName(label, speaker=chunk["child"], session=chunk["turn"])
