"""ESD: `0011/Angry/0011_000351.wav` is speaker and number, which states the emotion, too."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names

CARD = CorpusCard(
    name="esd",
    title="Emotional Speech Dataset (ESD)",
    language="Mandarin and English",
    elicitation="acted",
    license="research only",
    citation="K. Zhou, B. Sisman, R. Liu, H. Li: Emotional Voice Conversion: Theory, Databases "
    "and ESD. Speech Communication 137, 2022",
    url="https://hltsingapore.github.io/ESD/",
    labels=dict.fromkeys(("neutral", "happy", "sad", "angry", "surprise"), 7_000),
    faults=("Its transcripts are in four encodings; the recordings need none of them.",),
    speakers={f"{speaker:04d}": 1_750 for speaker in range(1, 21)},
    genders={"female": 17_500, "male": 17_500},
)

# A speaker reads the same 350 sentences in each emotion, numbered consecutively in this order.
EMOTIONS = ("neutral", "angry", "happy", "sad", "surprise")
MALE = {4, 5, 6, 8, 10, 11, 12, 13, 14, 20}
NAME = re.compile(r"(?P<speaker>\d{4})_(?P<number>\d{6})")


def _parse_name(name: re.Match[str], relative: PurePath) -> ParsedName | Excluded:
    speaker, number = int(name["speaker"]), int(name["number"])
    block, sentence = divmod(number - 1, 350)
    if not (1 <= speaker <= CARD.n_speakers and 0 <= block < len(EMOTIONS)):
        return Excluded("unmatched name", "has no number of the corpus; left out")
    label = EMOTIONS[block]
    folders = {part.lower() for part in relative.parts[:-1]} & {*EMOTIONS}
    if folders - {label}:
        detail = f"is {label} by its number, {min(folders - {label})} by its folder; left out"
        return Excluded("contradicting label", detail, is_fault=True)
    language = "Mandarin" if speaker <= 10 else "English"
    gender, text = "male" if speaker in MALE else "female", f"{language} {sentence + 1}"
    return ParsedName(label, name["speaker"], gender, text, language=language)


parse = partial(corpus_from_names, CARD, NAME, _parse_name, "0011/Angry/0011_000351.wav")
