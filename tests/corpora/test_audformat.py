from __future__ import annotations

import builtins
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import audformat
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.any_corpus import corpora, corpus_of, make_files
from tests.corpora.recordings import record_tree
from voxaffect.corpora.audformat import list_audformat, parse_audformat, write_audformat
from voxaffect.corpora.corpus import Corpus, Utterance
from voxaffect.corpora.loaders import emodb
from voxaffect.errors import CorpusError

# pandas 3 warns the authors of audformat; tests here call the library as its users do.
pytestmark = pytest.mark.filterwarnings("ignore:.*inplace keyword:DeprecationWarning")

RECORDINGS = ("wav/03a01Fa.wav", "wav/03a02Nc.wav", "wav/08a01Wa.wav", "wav/08a02Wb.wav")
SPEAKERS = {
    3: {"gender": "male", "age": 31, "language": "deu"},
    8: {"gender": "female", "age": 34, "language": "deu"},
}


def set_table(
    database: Any, table: str, index: pd.Index[Any], columns: Mapping[str, Sequence[object]]
) -> None:
    """Add a table whose columns have the schemes of their names, if these exist."""
    database[table] = audformat.Table(index)
    for name, values in columns.items():
        scheme = name if name in database.schemes else None
        database[table][name] = audformat.Column(scheme_id=scheme)
        database[table][name].set(values)


def berlin(files: Sequence[str] = RECORDINGS) -> Any:
    """A database laid out as EmoDB is published in audformat 1.x."""
    database = audformat.Database(
        "emodb",
        source="http://emodb.bilderbar.info",
        usage="unrestricted",
        languages=["deu"],
        description="Berlin Database of Emotional Speech",
        author="F. Burkhardt",
        license="CC0-1.0",
    )
    schemes = database.schemes
    schemes["emotion"] = audformat.Scheme(labels=["anger", "happiness", "neutral"])
    schemes["emotion.confidence"] = audformat.Scheme("float", minimum=0, maximum=1)
    schemes["duration"] = audformat.Scheme("time")
    schemes["speaker"] = audformat.Scheme(labels=SPEAKERS)
    schemes["transcription"] = audformat.Scheme(labels={"a01": "Der Lappen.", "a02": "Das will."})
    index = audformat.filewise_index(list(files))
    metadata: dict[str, Sequence[object]] = {
        "duration": [pd.Timedelta("100ms")] * len(files),
        "speaker": [3, 3, 8, 8][: len(files)],
        "transcription": ["a01", "a02", "a01", "a02"][: len(files)],
    }
    labels: dict[str, Sequence[object]] = {
        "emotion": ["happiness", "neutral", "anger", "anger"][: len(files)],
        "emotion.confidence": [0.9, 1.0, 0.95, 1.0][: len(files)],
    }
    set_table(database, "files", index, metadata)
    set_table(database, "emotion", index, labels)
    return database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return record_tree(tmp_path / "db", RECORDINGS)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def save(database: Any, folder: Path, storage_format: str = "csv") -> Path:
    database.save(str(folder), storage_format=storage_format)
    return folder


@pytest.mark.parametrize("storage_format", ["csv", "parquet"])
def test_a_published_layout_becomes_a_corpus(folder: Path, storage_format: str) -> None:
    corpus = parse_audformat(save(berlin(), folder, storage_format), "berlin")
    assert not corpus.problems
    assert len(corpus.utterances) == 4
    assert corpus.utterances[0] == Utterance(
        id="berlin/wav/03a01Fa",
        corpus="berlin",
        path=folder / "wav" / "03a01Fa.wav",
        label="happiness",
        speaker="berlin/3",
        gender="male",
        language="German",
        sentence="a01",
    )
    assert corpus.speakers == ("berlin/3", "berlin/8")
    assert corpus.count(lambda u: u.gender) == {"male": 2, "female": 2}
    card = corpus.card
    assert (card.title, card.language) == ("Berlin Database of Emotional Speech", "German")
    assert (card.license, card.citation) == ("CC0-1.0; unrestricted use", "F. Burkhardt")
    assert card.url == "http://emodb.bilderbar.info"


def test_speakers_in_a_table_of_their_own_are_read(folder: Path) -> None:
    database = berlin()
    speakers = pd.Index([3, 8], name="speaker", dtype="Int64")
    database["speaker"] = audformat.MiscTable(speakers)
    database.schemes["gender"] = audformat.Scheme(labels=["female", "male"])
    database["speaker"]["gender"] = audformat.Column(scheme_id="gender")
    database["speaker"]["gender"].set(["male", "female"])
    database.schemes["speaker"].replace_labels("speaker")
    corpus = parse_audformat(save(database, folder, "parquet"), "berlin")
    assert [u.gender for u in corpus.utterances] == ["male", "male", "female", "female"]


def segmented(starts: Sequence[float], ends: Sequence[float | None]) -> Any:
    """A database of segments of one recording."""
    database = audformat.Database("calls", usage="research")
    index = audformat.segmented_index([RECORDINGS[0]] * len(starts), list(starts), list(ends))
    set_table(database, "emotion", index, {"emotion": ["anger", "joy", "fear"][: len(starts)]})
    return database


def test_segments_are_read_and_one_without_an_end_lasts_as_long_as_its_file(folder: Path) -> None:
    database = segmented([0, 0.03, 0.06], [0.03, 0.06, None])
    set_table(
        database, "files", audformat.filewise_index(list(RECORDINGS[:1])), {"speaker": ["anna"]}
    )
    corpus = parse_audformat(save(database, folder), "calls")
    assert [(u.id, u.start_s, u.end_s) for u in corpus.utterances] == [
        ("calls/wav/03a01Fa#0.000-0.030", 0.0, 0.03),
        ("calls/wav/03a01Fa#0.030-0.060", 0.03, 0.06),
        ("calls/wav/03a01Fa#0.060-", 0.06, None),
    ]
    assert corpus.speakers == ("calls/anna",)  # metadata of a file apply to its segments
    assert corpus.card.license == "research use"


def test_a_database_is_listed_in_the_order_of_its_labels(folder: Path) -> None:
    save(segmented([0.06, 0, 0.03], [None, 0.03, 0.06]), folder)
    rows, problems = list_audformat(folder, "calls")
    assert [(u.id, row["path"], row["start_s"]) for u, row in rows] == [
        ("calls/wav/03a01Fa#0.060-", RECORDINGS[0], "0.06"),
        ("calls/wav/03a01Fa#0.000-0.030", RECORDINGS[0], ""),
        ("calls/wav/03a01Fa#0.030-0.060", RECORDINGS[0], "0.03"),
    ]
    assert not problems


def test_a_segment_that_ends_before_it_starts_is_a_fault(folder: Path) -> None:
    database = segmented([0, 0.05], [0.03, 0.02])
    corpus = parse_audformat(save(database, folder), "calls")
    (fault,) = (p for p in corpus.problems if p.is_fault)
    assert (fault.kind, fault.path) == ("wrong segment", "wav/03a01Fa.wav 0.05-0.02 s")


def test_ratings_are_mapped_to_one_range_by_the_bounds_of_their_scheme(folder: Path) -> None:
    database = berlin()
    database.schemes["arousal"] = audformat.Scheme("float", minimum=1, maximum=7)
    index = database["emotion"].index
    set_table(database, "ratings", index, {"arousal": [1, 4, 7, None], "valence": [0.5, 1, 9, -1]})
    corpus = parse_audformat(save(database, folder), "berlin")
    assert [u.arousal for u in corpus.utterances] == [0.0, 0.5, 1.0, None]
    assert [u.valence for u in corpus.utterances] == [0.5, 1.0, None, None]
    assert {p.detail for p in corpus.problems} == {
        "unknown valence '9' in 1 rows; taken as missing",
        "unknown valence '-1' in 1 rows; taken as missing",
    }


def test_words_of_other_databases_are_converted_or_reported(folder: Path) -> None:
    database = berlin()
    index = database["emotion"].index
    words: dict[str, Sequence[object]] = {
        "sex": ["F", "Male", "other", None],
        "style": ["spontaneous", "acted", "acted", "sung"],
        "language": ["fas", "ell", "Dutch", "xx"],
    }
    set_table(database, "more", index, words)
    corpus = parse_audformat(save(database, folder, "parquet"), "berlin")
    assert [u.gender for u in corpus.utterances] == ["female", "male", None, "female"]
    assert [u.naturalness for u in corpus.utterances] == ["natural", "acted", "acted", None]
    spoken = ["Persian", "Modern Greek", "Dutch", "xx"]
    assert [u.language for u in corpus.utterances] == spoken
    assert sorted(p.kind for p in corpus.problems) == ["unknown gender", "unknown naturalness"]


def test_unusable_rows_are_reported(folder: Path) -> None:
    database = berlin()
    database["emotion"]["emotion"].set(["happiness", None, "anger", "anger"])
    extra = audformat.filewise_index(["wav/elsewhere.wav"])
    set_table(database, "more", extra, {"speaker": [3]})
    save(database, folder)
    (folder / RECORDINGS[3]).unlink()
    corpus = parse_audformat(folder, "berlin")
    assert [u.id for u in corpus.utterances] == ["berlin/wav/03a01Fa", "berlin/wav/08a01Wa"]
    assert {(p.kind, p.path) for p in corpus.problems} == {
        ("missing value", RECORDINGS[1]),
        ("missing audio", RECORDINGS[3]),
        ("no label", "db.yaml"),
    }


def test_recordings_of_one_stem_are_all_kept(tmp_path: Path) -> None:
    files = ("a.wav", "a.flac")
    folder = save(berlin(files), record_tree(tmp_path, files))
    corpus = parse_audformat(folder, "c")
    assert [u.id for u in corpus.utterances] == ["c/a.flac", "c/a.wav"]
    assert not corpus.problems


def test_utterances_without_speakers_count_as_one_speaker(folder: Path) -> None:
    corpus = parse_audformat(save(segmented([0, 0.03], [0.03, 0.06]), folder), "calls")
    assert corpus.speakers == ("calls/?",)
    assert [p.kind for p in corpus.problems] == ["no speakers"]


def with_rows(table: str, *columns: str) -> Callable[[Any], None]:
    def change(database: Any) -> None:
        values = {name: ["anger"] * len(RECORDINGS) for name in columns}
        set_table(database, table, database["files"].index, values)

    return change


def without_emotion(database: Any) -> None:
    database.drop_tables("emotion")


@pytest.mark.parametrize(
    ("changes", "chosen", "label"),
    [
        ((), {}, "happiness"),
        ((with_rows("emotion.categories.train", "emotion"),), {}, "happiness"),
        ((without_emotion, with_rows("emotion.categories", "emotion")), {}, "anger"),
        ((with_rows("mood", "emotion"),), {"table": "mood"}, "anger"),
        ((with_rows("mood", "feeling"),), {"column": "feeling"}, "anger"),
        ((with_rows("mood", "a", "b"),), {"table": "mood", "column": "b"}, "anger"),
    ],
    ids=["plain", "splits, too", "other table", "table", "column", "table and column"],
)
def test_labels_are_found_or_chosen(
    folder: Path,
    changes: Sequence[Callable[[Any], None]],
    chosen: Mapping[str, str],
    label: str,
) -> None:
    database = berlin()
    for change in changes:
        change(database)
    corpus = parse_audformat(save(database, folder), "berlin", **chosen)
    assert corpus.utterances[0].label == label


def test_a_rater_whose_scheme_is_emotion_has_labels(folder: Path) -> None:
    database = berlin()
    without_emotion(database)
    index = database["files"].index
    database["ratings"] = audformat.Table(index)
    database["ratings"]["anna"] = audformat.Column(scheme_id="emotion")
    database["ratings"]["anna"].set(["anger"] * 4)
    corpus = parse_audformat(save(database, folder), "berlin")
    assert {u.label for u in corpus.utterances} == {"anger"}


def test_numbers_of_a_scheme_are_read_as_the_words_they_stand_for(folder: Path) -> None:
    database = berlin()
    without_emotion(database)
    del database.schemes["emotion"]
    database.schemes["emotion"] = audformat.Scheme(labels={0: "calm", 1: "furious"})
    set_table(database, "emotion", database["files"].index, {"emotion": [0, 1, 1, None]})
    corpus = parse_audformat(save(database, folder), "berlin")
    assert [u.label for u in corpus.utterances] == ["calm", "furious", "furious"]


@pytest.mark.parametrize(
    ("changes", "chosen", "message"),
    [
        ((without_emotion,), {}, "no labels in any table/emotion; its columns are files/duration"),
        ((), {"table": "emotoin"}, "no labels in emotoin/emotion; its columns are emotion/emotion"),
        (
            (without_emotion, with_rows("a", "emotion"), with_rows("b", "emotion")),
            {},
            "has labels in a/emotion, b/emotion; choose table and column",
        ),
    ],
)
def test_missing_or_ambiguous_labels_are_refused(
    folder: Path,
    changes: Sequence[Callable[[Any], None]],
    chosen: Mapping[str, str],
    message: str,
) -> None:
    database = berlin()
    for change in changes:
        change(database)
    with pytest.raises(CorpusError, match=message):
        parse_audformat(save(database, folder), "berlin", **chosen)


def test_a_database_without_any_recording_is_refused(folder: Path) -> None:
    save(berlin(), folder)
    for file in RECORDINGS:
        (folder / file).unlink()
    sentence = r"table emotion has no usable row \(wav/03a01Fa.wav: no such file"
    with pytest.raises(CorpusError, match=sentence):
        parse_audformat(folder, "berlin")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "db.yaml: cannot be read"),
        ("name: [", "db.yaml: is not plain YAML"),
        ("- 1\n", "db.yaml: is not the header of a database"),
        ("name: x\n", "is not a readable audformat database"),
        ("name: x\nsource: y\nusage: z\n", "is not a readable audformat database"),
        (
            "name: x\nsource: y\nusage: other\ntables: {a: 1}\n",
            "is not a readable audformat database",
        ),
        (
            "name: x\nsource: y\nusage: other\ntables: {a: {type: filewise}}\n",
            "db.a.parquet or .csv, named in db.yaml, is missing",
        ),
        ("name: x\nsource: y\nusage: other\n", "its columns are none"),
    ],
)
def test_a_folder_that_is_not_a_database_is_refused(
    tmp_path: Path, header: str | None, message: str
) -> None:
    if header is not None:
        (tmp_path / "db.yaml").write_text(header)
    with pytest.raises(CorpusError, match=message) as refusal:
        parse_audformat(tmp_path, "x")
    assert str(refusal.value).startswith(str(tmp_path))
    assert "\n" not in str(refusal.value)


def test_a_damaged_table_is_refused(folder: Path) -> None:
    save(berlin(), folder, "parquet")
    (folder / "db.emotion.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorpusError, match="is not a readable audformat database"):
        parse_audformat(folder, "berlin")


def test_a_header_that_would_run_code_does_not(folder: Path) -> None:
    save(berlin(), folder)
    target = folder / "made by the header"
    with (folder / "db.yaml").open("a") as file:
        file.write(f"evil: !!python/object/apply:os.mkdir ['{target}']\n")
    with pytest.raises(CorpusError, match="is not plain YAML"):
        parse_audformat(folder, "berlin")
    assert not target.exists()


class Bomb:
    """Create a folder when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.fixture
def bombed(folder: Path) -> Path:
    """A database with a pickle next to one table, newer than it, which the library would load."""
    save(berlin(), folder)
    bomb = pickle.dumps(Bomb(folder / "exploded"))
    (folder / "db.emotion.pkl").write_bytes(bomb)
    return folder


def test_a_pickle_next_to_a_table_is_not_opened_or_written(bombed: Path) -> None:
    pickled = (bombed / "db.emotion.pkl").read_bytes()
    assert len(parse_audformat(bombed, "berlin").utterances) == 4
    assert not (bombed / "exploded").exists()
    assert (bombed / "db.emotion.pkl").read_bytes() == pickled
    assert len(list(bombed.rglob("*.pkl"))) == 1


def test_a_table_that_is_only_a_pickle_is_refused(bombed: Path) -> None:
    (bombed / "db.emotion.csv").unlink()
    with pytest.raises(CorpusError, match=r"db.emotion.pkl: is a pickle, which could run code"):
        parse_audformat(bombed, "berlin")
    assert not (bombed / "exploded").exists()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_corpus_survives_a_round_trip_through_a_database(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    corpus = data.draw(corpora(make_files(folder / "c")))
    write_audformat(corpus, folder / "db")
    again = parse_audformat(folder / "db", "c")
    assert again.utterances == corpus.utterances
    assert again.root == corpus.root
    assert {p.kind for p in again.problems} <= {"no speakers"}
    card = replace(again.card, language="Dutch", elicitation="mixed")
    assert card == corpus.card


def test_children_keep_their_gender(tmp_path: Path) -> None:
    root = make_files(tmp_path / "c")
    genders = [("a, b.wav", "female child"), ("NA.wav", "male child")]
    found = [
        Utterance(f"c/{file[:-4]}", "c", root / file, "joy", "c/1", gender)
        for file, gender in genders
    ]
    write_audformat(corpus_of(root, found), tmp_path / "db")
    read = parse_audformat(tmp_path / "db", "c")
    assert {u.gender for u in read.utterances} == {"female child", "male child"}


@pytest.fixture
def berliners(tmp_path: Path) -> Corpus:
    return emodb.parse(record_tree(tmp_path / "emodb", RECORDINGS))


def test_the_library_reads_what_is_written(berliners: Corpus, tmp_path: Path) -> None:
    write_audformat(berliners, tmp_path / "db")
    database = audformat.Database.load(str(tmp_path / "db"), load_data=True)
    assert list(database) == ["emotion", "files"]
    assert database.languages == ["deu"]
    assert database["emotion"].is_filewise
    assert [Path(database.root, file).resolve() for file in database.files] == [
        u.path for u in berliners.utterances
    ]
    labels = database["emotion"]["emotion"].get()
    assert labels.tolist() == [u.label for u in berliners.utterances]
    assert names(tmp_path / "db") == ["db.emotion.parquet", "db.files.parquet", "db.yaml"]


def test_an_export_is_replaced_as_a_whole(berliners: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "db"
    write_audformat(berliners, folder)
    first = replace(berliners.utterances[0], start_s=0.01, end_s=0.02)
    write_audformat(replace(berliners, utterances=(first,)), folder)
    assert names(folder) == ["db.emotion.parquet", "db.segments.parquet", "db.yaml"]
    assert [u.end_s for u in parse_audformat(folder, "emodb").utterances] == [0.02]
    assert names(tmp_path) == ["db", "emodb"]


def test_a_database_is_not_written_over_something_else(berliners: Corpus, tmp_path: Path) -> None:
    before = sorted(berliners.root.rglob("*"))
    with pytest.raises(CorpusError, match="emodb: has wav, which is not part of an exported"):
        write_audformat(berliners, berliners.root)
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="file: is a file; give a new folder"):
        write_audformat(berliners, tmp_path / "file")
    assert sorted(berliners.root.rglob("*")) == before


def test_a_failing_write_leaves_the_old_export(
    berliners: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audformat(berliners, tmp_path / "db")
    before = (tmp_path / "db" / "db.yaml").read_text()

    def full(self: object, *_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(audformat.Table, "save", full)
    with pytest.raises(OSError, match="No space"):
        write_audformat(berliners, tmp_path / "db")
    assert (tmp_path / "db" / "db.yaml").read_text() == before
    assert names(tmp_path) == ["db", "emodb"]


def test_without_the_library_the_message_names_the_extra(
    berliners: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "audformat":
            raise ModuleNotFoundError("No module named 'audformat'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CorpusError, match=r"pip install 'voxaffect\[audformat\]'"):
        write_audformat(berliners, tmp_path / "db")
    with pytest.raises(CorpusError, match=r"pip install 'voxaffect\[audformat\]'"):
        parse_audformat(tmp_path, "emodb")


def test_a_real_corpus_survives_a_round_trip_through_a_database(
    real_corpora: Path, tmp_path: Path
) -> None:
    corpus = emodb.parse(real_corpora / "emodb")
    write_audformat(corpus, tmp_path / "db")
    assert parse_audformat(tmp_path / "db", "emodb").utterances == corpus.utterances
