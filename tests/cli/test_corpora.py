"""The corpora commands: export, overlap, list, show and check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from tests.corpora.recordings import record, record_tree
from voxaffect.cli import corpora
from voxaffect.cli.console import console_of
from voxaffect.cli.corpora import export, overlap
from voxaffect.config.file import load_settings
from voxaffect.corpora.audformat import parse_audformat
from voxaffect.corpora.check import Count, examine
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import CORPORA, Loader, emodb
from voxaffect.corpora.table import parse_table
from voxaffect.errors import ConfigError, CorpusError
from voxaffect.evaluation.splits.overlap import overlaps
from voxaffect.report.text import ABSENT


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal that wraps nothing; a console keeps the width that it was created with."""
    monkeypatch.setenv("COLUMNS", "400")
    console_of.cache_clear()
    yield
    console_of.cache_clear()


@pytest.fixture
def root_exchange(tmp_path: Path) -> Path:
    return record_tree(tmp_path / "emodb", ["wav/03a01Fa.wav", "wav/08b10Tc.wav"])


@pytest.mark.parametrize("suffix", [".csv", ".Parquet"])
def test_a_corpus_is_exported_as_a_table(
    root_exchange: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = root_exchange / f"table{suffix}"
    export("emodb", root_exchange, out)
    assert parse_table(out, "emodb").utterances == emodb.parse(root_exchange).utterances
    printed = capsys.readouterr()
    assert printed.out == f"{out}: 2 utterances of emodb\n"
    assert not printed.err


def test_a_corpus_is_exported_as_a_database(root_exchange: Path) -> None:
    out = root_exchange.parent / "emodb-1.0"
    export("emodb", root_exchange, out)
    assert parse_audformat(out, "emodb").utterances == emodb.parse(root_exchange).utterances


def test_an_exported_corpus_is_exported_again(root_exchange: Path) -> None:
    """From a tree to a database, to a table, to a database: the same utterances."""
    first, second = root_exchange.parent / "first", root_exchange.parent / "second"
    table = root_exchange / "table.csv"
    export("emodb", root_exchange, first)
    export("emodb", first, table)
    export("emodb", table, second)
    assert parse_audformat(second, "emodb").utterances == emodb.parse(root_exchange).utterances


def test_the_corpuss_faults_are_named(
    root_exchange: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root_exchange / "wav" / "08b01Fd.wav").touch()
    export("emodb", root_exchange, root_exchange / "table.csv")
    assert "emodb: wav/08b01Fd.wav: has 0 bytes" in capsys.readouterr().err


def test_an_unknown_corpus_is_refused(root_exchange: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'emodb'"):
        export("emdb", root_exchange, root_exchange / "table.csv")


@pytest.mark.parametrize("place", ["table.csv", "wav/03a01Fa.wav/table.csv", "wav/03a01Fa.wav/db"])
def test_an_unwritable_path_is_refused(root_exchange: Path, place: str) -> None:
    (root_exchange / "table.csv").mkdir()
    with pytest.raises(CorpusError, match="cannot write") as refusal:
        export("emodb", root_exchange, root_exchange / place)
    assert str(refusal.value).startswith(f"{root_exchange / place}: ")
    assert not list(root_exchange.glob(".*"))


def test_a_corpus_is_not_overwritten(root_exchange: Path) -> None:
    with pytest.raises(CorpusError, match="give a new folder"):
        export("emodb", root_exchange, root_exchange)


EMODB = [f"{who}a0{text}{code}a" for who in ("03", "08") for text in (1, 2) for code in "FNTWL"]
COPIED = "03a01Fa"
SILENT = "08a02Na"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree of EmoDB, and a table of calls that holds one recording of it in another format."""
    for seed, name in enumerate(EMODB):
        level = 0.0 if name == SILENT else 0.1
        record(tmp_path / "emodb" / "wav" / f"{name}.wav", seed, level=level)
    rows = ["path,emotion,speaker,naturalness"]
    for i, label in enumerate(["angry", "sad", "happy"] * 4):
        record(tmp_path / "calls" / f"{i}.wav", 100 + i)
        rows.append(f"{i}.wav,{label},{'ab'[i % 2]},natural")
    record(tmp_path / "calls" / "copy.flac", EMODB.index(COPIED))
    rows.append("copy.flac,happy,a,natural")
    (tmp_path / "calls" / "calls.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def config(folder: Path, text: str = "") -> Path:
    path = folder / "settings.toml"
    path.write_text(f'[corpora]\nemodb = "emodb"\ncalls = {{ table = "calls/calls.csv" }}\n{text}')
    return path


def plain(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    overlap(path, as_json=True, jobs=1)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_copy_in_another_format_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pair,) = plain(config(folder), capsys)["pairs"]
    names = {"first": f"emodb/wav/{COPIED}", "second": "calls/copy"}
    assert pair["recordings"] == [{**names, "rules": ["same recording"]}]
    speakers = {"first": "emodb/03", "second": "calls/a"}
    assert pair["speakers"] == [{**speakers, "rules": ["same recording"]}]


def test_json_is_the_whole_comparison(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(folder, '[evaluate]\nsplit_seed = 5\ndev = "speakers"\n')
    settings = load_settings(path)
    corpora, taxonomy = settings.load_corpora(), settings.make_taxonomy()
    examined = examine([u for c in corpora for u in c.utterances if taxonomy.emotion(u)])
    expected = overlaps(
        corpora,
        taxonomy,
        contents={e.utterance.id: e.content for e in examined if e.content},
        unusable={e.utterance.id: e.problems[0] for e in examined if e.problems},
        seed=5,
        dev="speakers",
    )
    assert plain(path, capsys) == json.loads(json.dumps(asdict(expected)))


def test_excluded_utterances_have_a_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plain(config(folder, '[taxonomy.calls]\nsad = "exclude"\n'), capsys)
    reasons = {(e["corpus"], e["why"]): (e["n"], e["labels"]) for e in found["excluded"]}
    assert reasons == {
        ("emodb", "no class by default"): (4, {"boredom": 4}),
        ("emodb", "silent"): (1, {}),
        ("calls", "[taxonomy.calls]"): (4, {"sad": 4}),
    }


def test_one_tree_under_two_names_shares_everything(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(folder, '[corpora.berlin]\nroot = "emodb"\nloader = "emodb"\n')
    found = plain(path, capsys)
    pairs = {(p["first"], p["second"]): p for p in found["pairs"]}
    twins = pairs["emodb", "berlin"]
    n_used = found["parts"][0]["holds"]["n_utterances"]
    assert len(twins["recordings"]) == n_used == 15
    assert [m["rules"] for m in twins["speakers"]] == [["same distribution", "same recording"]] * 2
    assert len(pairs["calls", "berlin"]["recordings"]) == 1


def test_the_pages_fit_a_terminal_and_progress_stays_out_of_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    overlap(config(folder), jobs=1)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert "recordings" in printed.err
    assert "…" not in printed.out
    (shared,) = (line for line in lines if "same recording" in line)
    assert shared.split() == ["emodb", "calls", "same", "recording", "1", ABSENT, ABSENT, "1"]


def test_an_unknown_name_under_split_style_is_refused_first(folder: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'emodb'"):
        overlap(config(folder, '[evaluate]\nsplit_style = ["emobd"]\n'), as_json=True, jobs=1)


def test_real_corpora_under_two_names(
    real_corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "twice.toml"
    root = json.dumps(str(real_corpora / "emodb"))
    path.write_text(f'[corpora]\nemodb = {root}\nberlin = {{ root = {root}, loader = "emodb" }}\n')
    found = plain(path, capsys)
    (pair,) = found["pairs"]
    assert len(pair["recordings"]) == found["parts"][0]["holds"]["n_utterances"]
    assert len(pair["speakers"]) == 10
    assert [part["repeats"] for part in found["parts"]] == [[], []]


UNCOUNTED = [name for name, loader in CORPORA.items() if not loader.card.n_speakers]
UNLABELED = [name for name, loader in CORPORA.items() if not loader.card.labels]

Captured = pytest.CaptureFixture[str]


def row(name: str, text: str) -> str:
    """The one line whose first word is `name`."""
    (found,) = (line for line in text.splitlines() if line.strip("│ ").split(" ")[0] == name)
    return found


def cells(name: str, text: str) -> list[str]:
    """Cells of a row of the check's table: found, expected, verdict."""
    return [cell.strip() for cell in row(name, text).split("│")[2:5]]


class TestList:
    @pytest.mark.parametrize("columns", [80, 100, 160])
    def test_every_corpus_is_listed_whole_at_any_width(
        self, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        corpora.list_corpora()
        printed = capsys.readouterr().out
        flowing = " ".join(printed.split())
        for name, loader in CORPORA.items():
            card = loader.card
            assert re.search(rf"^{name} +{card.language} +{card.elicitation} ", printed, re.M)
            assert f"{card.title}; {card.license} {card.url}" in flowing
        addresses = {loader.card.url for loader in CORPORA.values()}
        others = [x for x in printed.splitlines() if x.strip() not in addresses]
        assert max(map(len, others)) <= columns

    def test_unknown_numbers_are_not_printed_as_zero(self, capsys: Captured) -> None:
        assert UNCOUNTED
        assert UNLABELED
        corpora.list_corpora()
        printed = capsys.readouterr().out
        for name in CORPORA:
            unknown = (name in UNCOUNTED) + (name in UNLABELED)
            assert row(name, printed).count(corpora.NOT_KNOWN) == unknown

    def test_the_last_row_is_for_your_own_recordings(self, capsys: Captured) -> None:
        corpora.list_corpora()
        *_, size, what = capsys.readouterr().out.splitlines()
        assert size.startswith("table ")
        assert "your own recordings" in what


class TestShow:
    @pytest.mark.parametrize("name", sorted({*UNCOUNTED, *UNLABELED}))
    def test_unknown_numbers_are_printed_as_unknown(self, name: str, capsys: Captured) -> None:
        corpora.show_card(name)
        printed = capsys.readouterr().out
        assert (corpora.NOT_KNOWN in row("speakers", printed)) == (name in UNCOUNTED)
        assert (corpora.NOT_KNOWN in row("labels", printed)) == (name in UNLABELED)

    def test_known_numbers_are_printed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        card = replace(
            emodb.CARD,
            n_speakers=2,
            speakers={"03": 7, "08": 12},
            genders={"male": 7, "female": 12},
            styles={"acted": 19},
        )
        monkeypatch.setitem(CORPORA, "emodb", Loader(card, emodb.parse))
        corpora.show_card("emodb")
        printed = capsys.readouterr().out
        assert "2, 7 to 12 utterances each" in row("speakers", printed)
        assert "male 7, female 12" in row("genders", printed)
        assert "acted 19" in row("styles", printed)


EMOTIONS = "WLEAFTN"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole corpus of two speakers, seven emotions each, as its card has it."""
    card = replace(
        emodb.CARD,
        labels=dict.fromkeys(emodb.CARD.labels, 2),
        n_speakers=2,
        speakers={"03": 7, "08": 7},
        genders={"male": 7, "female": 7},
        styles={"acted": 14},
    )

    def parse(root: Path) -> Corpus:
        return replace(emodb.parse(root), card=card)

    monkeypatch.setitem(CORPORA, "emodb", Loader(card, parse))
    names = [f"wav/{speaker}a01{code}a.wav" for speaker in ("03", "08") for code in EMOTIONS]
    for seed, name in enumerate(names):
        record(tmp_path / "emodb" / name, seed)
    return tmp_path / "emodb"


class TestCheck:
    def test_a_whole_copy_is_ok(self, root: Path, capsys: Captured) -> None:
        assert corpora.check("emodb", root, jobs=1) == 0
        printed = capsys.readouterr().out
        assert cells("anger", printed) == ["2", "2", "ok"]
        assert cells("speakers", printed) == ["2", "2", "ok"]
        assert cells("08", printed) == ["7", "7", "ok"]
        assert cells("female", printed) == ["7", "7", "ok"]
        assert cells("acted", printed) == ["14", "14", "ok"]
        assert printed.endswith("verdict: ok\n")

    def test_a_missing_file_is_a_fault_in_every_count(self, root: Path, capsys: Captured) -> None:
        (root / "wav/08a01Wa.wav").unlink()
        assert corpora.check("emodb", root, jobs=1) == 1
        printed = capsys.readouterr().out
        assert cells("anger", printed) == ["1", "2", "fault"]
        assert cells("08", printed) == ["6", "7", "fault"]
        assert cells("03", printed) == ["7", "7", "ok"]
        assert cells("female", printed) == ["6", "7", "fault"]
        assert "verdict: faults" in printed

    def test_a_subset_of_classes_is_no_fault(self, root: Path, capsys: Captured) -> None:
        for path in root.glob("wav/*Wa.wav"):
            path.unlink()
        assert corpora.check("emodb", root, jobs=1) == 0
        printed = capsys.readouterr().out
        assert cells("anger", printed) == ["0", "2", "note"]
        assert cells("female", printed) == ["6", "7", ""]

    def test_each_fault_is_named(self, root: Path, capsys: Captured) -> None:
        files = sorted(root.glob("wav/*.wav"))
        record(files[0], level=0.0)
        record(files[1], duration_s=0.01)
        files[2].write_bytes(files[3].read_bytes())
        files[4].write_bytes(files[4].read_bytes()[:99])
        files[5].write_bytes(b"")
        record(root / "wav" / "take 2.wav")
        sf.write(files[6], np.ones(1_600), 16_000)
        assert corpora.check("emodb", root, as_json=True, jobs=1) == 1
        problems = json.loads(capsys.readouterr().out)["problems"]
        found = {(problem["kind"], Path(problem["path"]).stem) for problem in problems}
        assert {
            ("silent", files[0].stem),
            ("too short", files[1].stem),
            ("duplicated content", files[3].stem),
            ("unreadable", files[4].stem),
            ("empty file", files[5].stem),
            ("unmatched name", "take 2"),
            ("clipped", files[6].stem),
        } <= found

    def test_a_check_of_headers_only_is_noted(self, root: Path, capsys: Captured) -> None:
        record(root / "wav/03a01Wa.wav", level=0.0)
        assert corpora.check("emodb", root, jobs=1, headers=True) == 0
        assert "Only headers were read" in capsys.readouterr().out

    def test_recordings_longer_than_max_hours_are_unreadable(
        self, root: Path, capsys: Captured
    ) -> None:
        assert corpora.check("emodb", root, jobs=1, max_hours=0.001 / 3600) == 1
        assert "unreadable: 14" in capsys.readouterr().out

    def test_json_is_the_whole_report(self, root: Path, capsys: Captured) -> None:
        assert corpora.check("emodb", root, as_json=True, jobs=2) == 0
        printed = capsys.readouterr()
        report = json.loads(printed.out)
        assert report["verdict"] == "ok"
        assert [count["name"] for count in report["by_speaker"]] == ["03", "08"]
        assert report["by_style"][0] == vars(Count("acted", 14, 14, "ok"))
        assert "checking emodb" in printed.err

    def test_many_speakers_are_one_row_and_all_of_the_json(
        self, tmp_path: Path, capsys: Captured
    ) -> None:
        owners = [0, *range(corpora.MAX_SPEAKERS + 1)]
        names = [record(tmp_path / f"{n}.wav", n).name for n in range(len(owners))]
        lines = [f"{name},joy,s{owner}" for name, owner in zip(names, owners, strict=True)]
        table = tmp_path / "calls.csv"
        table.write_text("\n".join(["path,emotion,speaker", *lines]))
        assert corpora.check("calls", table, jobs=1) == 0
        printed = capsys.readouterr().out
        assert cells("speakers", printed)[0] == "13"
        assert "13 speakers, 1 to 2 utterances each" in printed
        assert corpora.check("calls", table, as_json=True, jobs=1) == 0
        assert len(json.loads(capsys.readouterr().out)["by_speaker"]) == 13

    def test_speakers_who_differ_have_a_row_beyond_any_number(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setattr(corpora, "MAX_SPEAKERS", 1)
        for path in root.glob("wav/08*.wav"):
            path.unlink()
        corpora.check("emodb", root, jobs=1)
        printed = capsys.readouterr().out
        assert "2 speakers, 0 to 7 utterances each" in printed
        assert cells("08", printed) == ["0", "7", "note"]
        assert "  08: none of 7 utterances" in printed

    def test_labels_and_files_like_markup_are_printed_verbatim(
        self, tmp_path: Path, capsys: Captured
    ) -> None:
        record(tmp_path / "[bold]" / "a].wav", level=0.0)
        table = tmp_path / "calls.csv"
        table.write_text("path,emotion\n[bold]/a].wav,[/joy]\n")
        assert corpora.check("calls", table, jobs=1) == 1
        printed = capsys.readouterr().out
        assert "[/joy]" in printed
        assert "calls/[bold]/a]" in printed
        assert "verdict: faults" in printed
