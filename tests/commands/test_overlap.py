"""From a settings file to what corpora share: recordings are compared by what is heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.recordings import record
from voxaffect.commands.overlap import overlap
from voxaffect.config.file import load_settings
from voxaffect.corpora.examine import examine
from voxaffect.errors import ConfigError
from voxaffect.evaluation.protocol.overlap import overlaps
from voxaffect.report.table import ABSENT

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
    assert overlap(path, as_json=True, n_jobs=1) == 0
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


def test_json_is_the_comparison_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert plain(path, capsys) == json.loads(json.dumps(expected.to_dict()))


def test_what_is_excluded_is_told_with_its_reason(
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
    assert overlap(config(folder), as_json=False, n_jobs=1) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert "recordings" in printed.err
    assert "…" not in printed.out
    (shared,) = (line for line in lines if "same recording" in line)
    assert shared.split() == ["emodb", "calls", "same", "recording", "1", ABSENT, ABSENT, "1"]


def test_a_wrong_name_under_split_style_is_refused_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'emodb'"):
        overlap(config(folder, '[evaluate]\nsplit_style = ["emobd"]\n'), as_json=True, n_jobs=1)


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
