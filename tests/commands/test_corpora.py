from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.corpora.recordings import record
from voxaffect.audio.decode import DecodeLimits
from voxaffect.commands import corpora
from voxaffect.corpora.check import Count
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import CORPORA, Loader, emodb

UNCOUNTED = [name for name, loader in CORPORA.items() if not loader.card.n_speakers]
UNLABELLED = [name for name, loader in CORPORA.items() if not loader.card.labels]

Captured = pytest.CaptureFixture[str]


def row(name: str, text: str) -> str:
    """The one line whose first word is `name`."""
    (found,) = (line for line in text.splitlines() if line.strip("│ ").split(" ")[0] == name)
    return found


def cells(name: str, text: str) -> list[str]:
    """What a row of the check's table says: found, expected, verdict."""
    return [cell.strip() for cell in row(name, text).split("│")[2:5]]


@pytest.fixture
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that wraps nothing."""
    monkeypatch.setenv("COLUMNS", "400")


class TestList:
    @pytest.mark.parametrize("columns", [80, 100, 160])
    def test_every_corpus_is_told_whole_at_any_width(
        self, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        corpora.show_all()
        printed = capsys.readouterr().out
        flowing = " ".join(printed.split())
        for name, loader in CORPORA.items():
            card = loader.card
            assert re.search(rf"^{name} +{card.language} +{card.elicitation} ", printed, re.M)
            assert f"{card.title}; {card.licence} {card.url}" in flowing
        addresses = {loader.card.url for loader in CORPORA.values()}
        others = [x for x in printed.splitlines() if x.strip() not in addresses]
        assert max(map(len, others)) <= columns

    def test_numbers_that_no_card_knows_are_not_given_as_zero(self, capsys: Captured) -> None:
        assert UNCOUNTED
        assert UNLABELLED
        corpora.show_all()
        printed = capsys.readouterr().out
        for name in CORPORA:
            unknown = (name in UNCOUNTED) + (name in UNLABELLED)
            assert row(name, printed).count(corpora.NOT_KNOWN) == unknown

    def test_the_last_row_is_for_recordings_of_ones_own(self, capsys: Captured) -> None:
        corpora.show_all()
        *_, size, what = capsys.readouterr().out.splitlines()
        assert size.startswith("table ")
        assert "your own recordings" in what


@pytest.mark.usefixtures("_wide")
class TestShow:
    @pytest.mark.parametrize("name", sorted({*UNCOUNTED, *UNLABELLED}))
    def test_a_card_says_what_is_not_known(self, name: str, capsys: Captured) -> None:
        corpora.show(name)
        printed = capsys.readouterr().out
        assert (corpora.NOT_KNOWN in row("speakers", printed)) == (name in UNCOUNTED)
        assert (corpora.NOT_KNOWN in row("labels", printed)) == (name in UNLABELLED)

    def test_and_what_is(self, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
        card = replace(
            emodb.CARD,
            n_speakers=2,
            speakers={"03": 7, "08": 12},
            genders={"male": 7, "female": 12},
            styles={"acted": 19},
        )
        monkeypatch.setitem(CORPORA, "emodb", Loader(card, emodb.parse))
        corpora.show("emodb")
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
        assert corpora.check("emodb", root, as_json=False, n_jobs=1) == 0
        printed = capsys.readouterr().out
        assert cells("anger", printed) == ["2", "2", "ok"]
        assert cells("speakers", printed) == ["2", "2", "ok"]
        assert cells("08", printed) == ["7", "7", "ok"]
        assert cells("female", printed) == ["7", "7", "ok"]
        assert cells("acted", printed) == ["14", "14", "ok"]
        assert printed.endswith("verdict: ok\n")

    def test_a_file_that_is_missing_shows_wherever_it_counts(
        self, root: Path, capsys: Captured
    ) -> None:
        (root / "wav/08a01Wa.wav").unlink()
        assert corpora.check("emodb", root, as_json=False, n_jobs=1) == 1
        printed = capsys.readouterr().out
        assert cells("anger", printed) == ["1", "2", "fault"]
        assert cells("08", printed) == ["6", "7", "fault"]
        assert cells("03", printed) == ["7", "7", "ok"]
        assert cells("female", printed) == ["6", "7", "fault"]
        assert "verdict: faults" in printed

    def test_a_subset_of_classes_is_no_fault(self, root: Path, capsys: Captured) -> None:
        for path in root.glob("wav/*Wa.wav"):
            path.unlink()
        assert corpora.check("emodb", root, as_json=False, n_jobs=1) == 0
        printed = capsys.readouterr().out
        assert cells("anger", printed) == ["0", "2", "note"]
        assert cells("female", printed) == ["6", "7", ""]

    def test_each_fault_is_told_by_name(self, root: Path, capsys: Captured) -> None:
        files = sorted(root.glob("wav/*.wav"))
        record(files[0], level=0.0)
        record(files[1], duration_s=0.01)
        files[2].write_bytes(files[3].read_bytes())
        files[4].write_bytes(files[4].read_bytes()[:99])
        files[5].write_bytes(b"")
        record(root / "wav" / "take 2.wav")
        sf.write(files[6], np.ones(1_600), 16_000)
        assert corpora.check("emodb", root, as_json=True, n_jobs=1) == 1
        told = json.loads(capsys.readouterr().out)["problems"]
        found = {(problem["kind"], Path(problem["path"]).stem) for problem in told}
        assert {
            ("silent", files[0].stem),
            ("too short", files[1].stem),
            ("duplicated content", files[3].stem),
            ("unreadable", files[4].stem),
            ("empty file", files[5].stem),
            ("unmatched name", "take 2"),
            ("clipped", files[6].stem),
        } <= found

    def test_headers_alone_are_said_to_be_so(self, root: Path, capsys: Captured) -> None:
        record(root / "wav/03a01Wa.wav", level=0.0)
        assert corpora.check("emodb", root, as_json=False, n_jobs=1, headers_only=True) == 0
        assert "Headers alone were read" in capsys.readouterr().out

    def test_limits_are_passed_on(self, root: Path, capsys: Captured) -> None:
        limits = DecodeLimits(max_bytes=99)
        assert corpora.check("emodb", root, as_json=False, n_jobs=1, limits=limits) == 1
        assert "unreadable: 14" in capsys.readouterr().out

    def test_json_holds_everything_and_nothing_else(self, root: Path, capsys: Captured) -> None:
        assert corpora.check("emodb", root, as_json=True, n_jobs=2) == 0
        printed = capsys.readouterr()
        report = json.loads(printed.out)
        assert report["verdict"] == "ok"
        assert [count["name"] for count in report["by_speaker"]] == ["03", "08"]
        assert report["by_style"][0] == vars(Count("acted", 14, 14, "ok"))
        assert "checking emodb" in printed.err

    def test_many_speakers_are_one_row_of_the_table_and_all_of_the_json(
        self, tmp_path: Path, capsys: Captured
    ) -> None:
        owners = [0, *range(corpora.MAX_SPEAKERS + 1)]
        names = [record(tmp_path / f"{n}.wav", n).name for n in range(len(owners))]
        lines = [f"{name},joy,s{owner}" for name, owner in zip(names, owners, strict=True)]
        table = tmp_path / "calls.csv"
        table.write_text("\n".join(["path,emotion,speaker", *lines]))
        assert corpora.check("calls", table, as_json=False, n_jobs=1) == 0
        printed = capsys.readouterr().out
        assert cells("speakers", printed)[0] == "13"
        assert "13 speakers, 1 to 2 utterances each" in printed
        assert corpora.check("calls", table, as_json=True, n_jobs=1) == 0
        assert len(json.loads(capsys.readouterr().out)["by_speaker"]) == 13

    def test_speakers_who_differ_have_a_row_beyond_any_number(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setattr(corpora, "MAX_SPEAKERS", 1)
        for path in root.glob("wav/08*.wav"):
            path.unlink()
        corpora.check("emodb", root, as_json=False, n_jobs=1)
        printed = capsys.readouterr().out
        assert "2 speakers, 0 to 7 utterances each" in printed
        assert cells("08", printed) == ["0", "7", "note"]
        assert "  08: none of 7 utterances" in printed

    def test_labels_and_files_that_look_like_markup_are_printed_as_they_are(
        self, tmp_path: Path, capsys: Captured
    ) -> None:
        record(tmp_path / "[bold]" / "a].wav", level=0.0)
        table = tmp_path / "calls.csv"
        table.write_text("path,emotion\n[bold]/a].wav,[/joy]\n")
        assert corpora.check("calls", table, as_json=False, n_jobs=1) == 1
        printed = capsys.readouterr().out
        assert "[/joy]" in printed
        assert "calls/[bold]/a]" in printed
        assert "verdict: faults" in printed
