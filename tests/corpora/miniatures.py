"""Miniature corpora: a small tree of each corpus in its own layout."""

from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree

NAMES: dict[str, list[str]] = {
    "aibo": [
        f"IS2009EmotionChallenge/wav/{child}_000_0{n}.wav"
        for child in ("Mont_01", "Ohm_01")
        for n in range(5)
    ],
    "enterface": [
        f"enterface database/subject {n}/{folder}/sentence 1/s{n}_{folder[:2]}_1.wav"
        for n in (1, 2)
        for folder in ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    ],
    "iemocap": [
        f"Session1/sentences/wav/Ses01F_{dialogue}/Ses01F_{dialogue}_{sex}{n:03d}.wav"
        for dialogue, sex in (("impro01", "F"), ("script01_1b", "M"))
        for n in range(11)
    ],
    "ldc": [
        f"LDC2002S28/speech/{speaker}_{n:03d}.wav" for speaker in ("cc", "gg") for n in range(1, 9)
    ],
    "ased": [
        f"0kEmotion/{folder}/{folder[2].lower()}{folder[1]}-01-01-{sex}-{speaker}.wav"
        for folder in ("01Neutral", "02Fearful", "03Happy", "04Sad", "05Angry")
        for sex, speaker in (("01", "01"), ("02", "65"))
    ],
    "cafe": [
        f"CaFE_48k/{folder}/{actor}-{folder[0]}-1-6.wav"
        for folder in ("Colère", "Dégoût", "Joie", "Neutre", "Peur", "Surprise", "Tristesse")
        for actor in ("01", "12")
    ],
    "cremad": [
        f"AudioWAV/{actor}_IEO_{code}_XX.wav"
        for actor in ("1001", "1002")
        for code in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    ],
    "emovdb": [
        f"EmoV-DB/{speaker}_{folder}/{word}_1-28_0001.wav"
        for speaker in ("bea", "sam")
        for folder, word in (
            ("Amused", "amused"),
            ("Angry", "anger"),
            ("Disgusted", "Disgust"),
            ("Neutral", "neutral"),
            ("Sleepy", "sleepiness"),
        )
    ],
    "esd": [
        f"ESD/{speaker}/{folder}/{speaker}_{1 + 350 * block:06d}.wav"
        for speaker in ("0011", "0015")
        for block, folder in enumerate(("Neutral", "Angry", "Happy", "Sad", "Surprise"))
    ],
    "jl": [
        f"JL(wav+txt)/{speaker}_{word}_1a_1.wav"
        for speaker in ("female1", "male2")
        for word in (
            *("angry", "sad", "neutral", "happy", "excited"),
            *("anxious", "apologetic", "assertive", "concerned", "encouraging"),
        )
    ],
    "meld": [f"train/train_splits/dia{speaker}_utt{n}.wav" for speaker in (0, 1) for n in range(7)],
    "mesd": [
        f"Mexican Emotional Speech Database (MESD)/{word}_{voice}_A_basta_ya.wav"
        for word in ("Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness")
        for voice in "FMC"
    ],
    "msp_improv": [
        f"session1/S01A/T/MSP-IMPROV-S01A-{speaker}-T-FM{turn:02d}.wav"
        for speaker in ("F01", "M01")
        for turn in range(6)
    ],
    "msp_podcast": [f"Audios/MSP-PODCAST_0001_{n:04d}.wav" for n in range(10)],
    "nemo": [
        f"samples/{speaker}_{word}_1.wav"
        for speaker in ("EB0", "KS0")
        for word in ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
    ],
    "savee": [
        f"ALL/{speaker}_{code}01.wav"
        for speaker in ("DC", "KL")
        for code in ("a", "d", "f", "h", "n", "sa", "su")
    ],
    "shemo": [
        f"{folder}/{folder[0].upper()}01{code}01.wav"
        for folder in ("female", "male")
        for code in "AFHNSW"
    ],
    "subesco": [
        f"SUBESCO/{speaker}_S_1_{word}_1.wav"
        for speaker in ("F_01_OISHI", "M_01_BASHIR")
        for word in ("ANGRY", "DISGUST", "FEAR", "HAPPY", "NEUTRAL", "SAD", "SURPRISE")
    ],
    "tess": [
        f"{speaker}_{code}/{speaker}_back_{code}.wav"
        for speaker in ("OAF", "YAF")
        for code in ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
    ],
    "emodb": [f"wav/{speaker}a01{code}a.wav" for speaker in ("03", "08") for code in "WLEAFTN"],
    "emovo": [
        f"EMOVO/{actor}/{code}-{actor}-b1.wav"
        for actor in ("f1", "m3")
        for code in ("neu", "dis", "gio", "pau", "rab", "sor", "tri")
    ],
    "ravdess": [
        f"Actor_{actor}/03-01-0{code}-01-01-01-{actor}.wav"
        for actor in ("01", "24")
        for code in range(1, 9)
    ],
    "urdu": [
        f"{folder}/{speaker}_F1_{folder[0]}00{number}.wav"
        for folder in ("Angry", "Happy", "Neutral", "Sad")
        for number, speaker in enumerate(("SM1", "SF10"))
    ],
}
"""Recordings of each corpus: every label, two speakers, both sexes where there are both."""

MELD = ("neutral", "joy", "sadness", "anger", "disgust", "fear", "surprise")
NEMO_SEXES = {"EB0": "female", "KS0": "male"}

IEMOCAP = ("ang", "hap", "sad", "neu", "exc", "fru", "fea", "sur", "dis", "oth", "xxx")
LDC = (
    *("neutral", "hot anger", "cold anger", "happy", "elation", "sadness", "despair", "panic"),
    *("anxiety", "disgust", "contempt", "boredom", "interest", "shame", "pride", "neutral"),
)

FILES: dict[str, dict[str, str]] = {
    "aibo": {
        "IS2009EmotionChallenge/labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt": "".join(
            f"{child}_000_0{n} {letter} 0.75\n"
            for child in ("Mont_01", "Ohm_01")
            for n, letter in enumerate("AENPR")
        ),
        "speaker_genders.txt": "Mont_01 f\nOhm_01 m\n",
    },
    "enterface": {"speaker_genders.txt": "1 f\n2 m\n"},
    "iemocap": {
        f"Session1/dialog/EmoEvaluation/Ses01F_{dialogue}.txt": "% [START_TIME - END_TIME]\n\n"
        + "".join(
            f"[{n}.0 - {n}.9]\tSes01F_{dialogue}_{sex}{n:03d}\t{code}\t[2.5, 2.5, 2.5]\n"
            "C-E2:\tNeutral;\t()\n\n"
            for n, code in enumerate(IEMOCAP)
        )
        for dialogue, sex in (("impro01", "F"), ("script01_1b", "M"))
    },
    "ldc": {
        f"LDC2002S28/transcr/{Path(name).stem}.txt": f"0.01 0.09 A: {emotion}, March first\n"
        for name, emotion in zip(NAMES["ldc"], LDC, strict=True)
    },
    "cremad": {"VideoDemographics.csv": '"ActorID","Age","Sex"\n1001,51,Male\n1002,21,Female\n'},
    "meld": {
        f"{split}_sent_emo.csv": "Speaker,Emotion,Dialogue_ID,Utterance_ID\n" + rows
        for split, rows in {
            "train": "".join(
                f"{speaker},{word},{dialogue},{n}\n"
                for dialogue, speaker in enumerate(("Monica", "Ross"))
                for n, word in enumerate(MELD)
            ),
            "dev": "",
            "test": "",
        }.items()
    },
    "msp_improv": {
        "Evaluation.txt": "".join(
            f"UTD-IMPROV-S01A-{speaker}-T-FM{turn:02d}.avi; {letter}; A:3.0; V:3.5; D:3.0 ; N:3.5;"
            "\nrater-1; Neutral; ; A:3; V:3; D:3; N:3;\n\n"
            for speaker in ("F01", "M01")
            for turn, letter in enumerate("AHSNOX")
        )
    },
    "msp_podcast": {
        "Labels/labels_consensus.csv": "FileName,EmoClass,EmoAct,SpkrID,Gender,Split_Set\n"
        + "".join(
            f"MSP-PODCAST_0001_{n:04d}.wav,{letter},4.0,{n % 2},{sex},Train\n"
            for n, letter in enumerate("AHSNUFDCOX")
            for sex in [("Female", "Male")[n % 2]]
        )
    },
    "nemo": {
        "data.tsv": "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        + "".join(
            f"{name.split('/')[1]}\t{word}\tTo.\tto\t        {speaker}\t{NEMO_SEXES[speaker]}\t23\n"
            for name in NAMES["nemo"]
            for speaker, word, _ in [name.split("/")[1].split("_")]
        )
    },
}
"""Path -> text of the files next to the recordings, with labels or sexes."""


def write_tree(root: Path, name: str, recordings: list[str]) -> Path:
    """Write the label files of a corpus and recordings of these names below `root`."""
    for path, text in FILES.get(name, {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return record_tree(root, recordings)
