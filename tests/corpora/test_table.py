from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.recordings import record, record_tree
from voxaffect.corpora import emodb
from voxaffect.corpora.corpus import Corpus, CorpusCard, Utterance, utterance_id
from voxaffect.corpora.table import parse_table, write_table
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import GENDER, NATURALNESS

HEADER = "path,emotion,speaker,gender,naturalness,language,start_s,end_s,sentence,session"


def table(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "calls.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return record_tree(tmp_path, ["a.wav", "sub/b.flac"])


def test_every_column_becomes_a_field(folder: Path) -> None:
    path = table(folder, "sub/b.flac,joy,7,female child,natural,Dutch,0.02,0.08,s1,monday")
    corpus = parse_table(path, "calls")
    assert corpus.utterances == (
        Utterance(
            id="calls/sub/b#0.020-0.080",
            corpus="calls",
            path=folder / "sub" / "b.flac",
            label="joy",
            speaker="calls/7",
            gender="female child",
            naturalness="natural",
            language="Dutch",
            sentence="s1",
            session="monday",
            start_s=0.02,
            end_s=0.08,
        ),
    )
    assert not corpus.problems
    assert (corpus.card.language, corpus.card.elicitation) == ("Dutch", "natural")


def test_two_columns_are_enough_but_speakers_are_missed(folder: Path) -> None:
    path = table(folder, "sub/b.flac,sad", "a.wav,angry", header="path,emotion")
    corpus = parse_table(path, "calls")
    assert [u.id for u in corpus.utterances] == ["calls/a", "calls/sub/b"]
    assert corpus.speakers == ("calls/?",)
    (problem,) = corpus.problems
    assert problem.kind == "no speakers"
    assert problem.detail.startswith("2 rows name no speaker")


@pytest.mark.parametrize(
    ("line", "kind", "detail"),
    [
        (",sad,1,,,,,,,", "missing value", "has no path"),
        ("a.wav,,1,,,,,,,", "missing value", "has no emotion"),
        ("c.wav,sad,1,,,,,,,", "missing audio", "there is no file c.wav"),
        ("sub,sad,1,,,,,,,", "missing audio", "there is no file sub"),
        (f"{400 * 'a'}.wav,sad,1,,,,,,,", "missing audio", "cannot look at aaa"),
        ("a.wav,sad,1,woman,,,,,,", "wrong gender", "'woman' is no gender, use one of female"),
        ("a.wav,sad,1,,staged,,,,,", "wrong naturalness", "use one of natural, acted"),
        ("a.wav,sad,1,,,,2,1,,", "wrong segment", "ends at 1 s, not after its start 2 s"),
        ("a.wav,sad,1,,,,1,1,,", "wrong segment", "ends at 1 s, not after its start 1 s"),
        ("a.wav,sad,1,,,,-1,,,", "wrong segment", "'-1' is no time in seconds"),
        ("a.wav,sad,1,,,,,soon,,", "wrong segment", "'soon' is no time in seconds"),
        ("a.wav,sad,1,,,,,nan,,", "wrong segment", "'nan' is no time in seconds"),
        ("a.wav,sad,1,,,,,inf,,", "wrong segment", "'inf' is no time in seconds"),
        ("a.wav,sad", "wrong number of values", "has 2 values for 10 columns"),
        ("sub/b.flac,sad,1,,,,,,,", "duplicate row", "calls/sub/b is in a row above"),
        ("sub/../sub/b.flac,sad,1,,,,,,,", "duplicate row", "calls/sub/b is in a row above"),
    ],
)
def test_a_fault_of_a_row_is_counted_and_the_rest_is_kept(
    folder: Path, line: str, kind: str, detail: str
) -> None:
    corpus = parse_table(table(folder, "sub/b.flac,joy,1,,,,,,,", "", line), "calls")
    assert [u.label for u in corpus.utterances] == ["joy"]
    (problem,) = corpus.problems
    assert (problem.kind, problem.path) == (kind, "calls.csv row 4")
    assert detail in problem.detail
    assert problem.is_fault


def test_a_misspelt_column_is_named_with_the_nearest_known_one(folder: Path) -> None:
    path = table(folder, "a.wav,joy,1,5", header="path,emotion,speaker,gendre")
    (problem,) = parse_table(path, "calls").problems
    assert problem.kind == "unknown column"
    assert problem.detail == "column 'gendre' is not read; did you mean 'gender'?"
    assert not problem.is_fault


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("path,label", ["a.wav,joy"], "needs a column 'emotion'; its columns are: path, label"),
        ("path;emotion", ["a.wav;joy"], "needs a column 'path'; its columns are: path;emotion"),
        ("", [], "needs a column 'path'; its columns are: none"),
        (HEADER, [], "has no row that can be used; add"),
        (HEADER, ["c.wav,sad,,,,,,,,"], r"\(calls.csv row 2: there is no file c.wav; left out\)"),
    ],
)
def test_a_fault_of_the_table_refuses_it(
    folder: Path, header: str, lines: list[str], message: str
) -> None:
    path = table(folder, *lines, header=header)
    with pytest.raises(CorpusError, match=message) as refusal:
        parse_table(path, "calls")
    assert str(refusal.value).startswith(f"{path}: ")


def test_segments_of_one_recording_have_ids_of_their_own(folder: Path) -> None:
    lines = [f"a.wav,joy,1,,,,{start},{end},," for start, end in [("", 0.03), (0.03, 0.06)]]
    corpus = parse_table(table(folder, *lines, "a.wav,sad,1,,,,0.06,,,"), "calls")
    assert [u.id for u in corpus.utterances] == [
        "calls/a#0.000-0.030",
        "calls/a#0.030-0.060",
        "calls/a#0.060-",
    ]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_loaded_corpus_survives_the_way_through_a_table(tmp_path: Path, suffix: str) -> None:
    corpus = emodb.parse(record_tree(tmp_path, ["wav/03a01Fa.wav", "wav/08b10Tc.wav"]))
    write_table(corpus, tmp_path / f"table{suffix}")
    again = parse_table(tmp_path / f"table{suffix}", "emodb")
    assert again.utterances == corpus.utterances
    assert not again.problems


WORDS = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1).map(str.strip)
TIMES = st.floats(0, 1e5).map(lambda seconds: round(seconds, 4))


@settings(max_examples=30, deadline=None)
@given(
    label=WORDS.filter(bool),
    speaker=WORDS,
    gender=st.sampled_from([*GENDER.classes, None]),
    naturalness=st.sampled_from([*NATURALNESS.classes, None]),
    language=st.none() | WORDS.filter(bool),
    times=st.just((0.0, None)) | st.tuples(TIMES, st.none()) | st.tuples(TIMES, TIMES),
    suffix=st.sampled_from([".csv", ".parquet"]),
)
def test_any_utterance_survives_the_way_through_a_table(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    label: str,
    speaker: str,
    gender: str | None,
    naturalness: str | None,
    language: str | None,
    times: tuple[float, float | None],
    suffix: str,
) -> None:
    root = tmp_path_factory.mktemp("table")
    path = record(root / "a, b.wav")
    start_s, end_s = times[0], times[1] if times[1] is None else times[0] + times[1] + 1
    utterance = Utterance(
        utterance_id("c", path.relative_to(root), start_s, end_s),
        "c",
        path,
        label,
        f"c/{speaker or '?'}",
        gender,
        naturalness,
        language,
        start_s=start_s,
        end_s=end_s,
    )
    card = CorpusCard("c", "C", "Dutch", "mixed", "", "", "", {}, 0)
    write_table(Corpus(card, root, (utterance,)), root / f"t{suffix}")
    assert parse_table(root / f"t{suffix}", "c").utterances == (utterance,)
