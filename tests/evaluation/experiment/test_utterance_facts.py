from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.fairness_runs import FACTS_OF_ONE
from tests.report.runs import full_run
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ArtifactError
from voxaffect.evaluation.experiment.run import FACTS, RunFolder
from voxaffect.evaluation.experiment.utterance_facts import (
    COLUMNS,
    MOST_DB,
    UtteranceFacts,
    facts_csv,
    read_facts,
    rms_column,
    signal_to_noise_db,
)
from voxaffect.features.lld.extractor import LowLevelDescriptors

LEVELS = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30)


def column(levels: object) -> np.ndarray:
    """Frames (T, 2) whose second column is the RMS."""
    rms = np.asarray(levels, np.float32)
    return np.column_stack([np.full_like(rms, 7.0), rms])


def test_snr_of_ten_times_the_level_is_20_db() -> None:
    (found,) = signal_to_noise_db([column([0.01] * 30 + [0.1] * 70)], 1)
    assert found == pytest.approx(20.0, abs=1e-5)


@pytest.mark.parametrize(
    ("levels", "expected"), [([0.3] * 9, 0.0), ([0.2], 0.0), ([0.0, 0.5, 0.5, 0.5], MOST_DB)]
)
def test_snr_of_constant_level_and_of_digital_silence(levels: list[float], expected: float) -> None:
    assert signal_to_noise_db([column(levels)], 1)[0] == pytest.approx(expected)


def test_snr_of_zeros_is_undefined() -> None:
    assert np.isnan(signal_to_noise_db([column([0.0, -0.0])], 1)).all()


def test_no_utterances_have_no_snr() -> None:
    assert signal_to_noise_db([], 1).shape == (0,)


@given(st.lists(LEVELS, min_size=1, max_size=6))
def test_levels_are_order_statistics_of_each_utterance_alone(many: list[list[float]]) -> None:
    found = signal_to_noise_db([column(levels) for levels in many], 1)
    for levels, db in zip(many, found, strict=True):
        quiet, loud = np.quantile(column(levels)[:, 1], [0.10, 0.95], method="lower").astype(float)
        if loud == 0:
            assert np.isnan(db)
        else:
            floor = loud * 10 ** (-MOST_DB / 20)
            assert db == pytest.approx(20 * np.log10(loud / max(quiet, floor)), abs=1e-6)
            assert 0 <= db <= MOST_DB + 1e-9


def test_snr_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frames = [column(rng.uniform(0.001, 1, n)) for n in range(1, 12)]
    whole = signal_to_noise_db(frames, 1)
    monkeypatch.setattr("voxaffect.evaluation.experiment.utterance_facts.BLOCK", 3)
    np.testing.assert_array_equal(signal_to_noise_db(frames, 1), whole)


def test_snr_of_a_burst_in_noise_from_our_descriptors() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 32_000).astype(np.float32)
    samples[8_000:24_000] *= 30  # 29.5 dB
    extractor = LowLevelDescriptors()
    frames = extractor.extract([Waveform(samples), Waveform(samples * np.float32(5))])
    place = rms_column({"names": list(extractor.names), "extractor": dict(extractor.settings())})
    assert place is not None
    quiet, loud = signal_to_noise_db(frames, place)
    assert quiet == pytest.approx(29.5, abs=1.5)
    assert loud == pytest.approx(quiet, abs=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"extractor": "made up"},
        {"names": ["energy"], "extractor": {"extractor": "own"}},
        {"names": ["log_mel_1"], "extractor": {"extractor": "log-mel"}},
        {"names": ["loudness"], "extractor": {"extractor": "opensmile"}},
        {},
    ],
)
def test_other_feature_sets_have_no_rms_column(settings: Mapping[str, Any]) -> None:
    assert rms_column(settings) is None


NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
FACT = st.builds(
    UtteranceFacts,
    corpus=NAMES,
    speaker=NAMES,
    gender=st.none() | NAMES,
    language=st.none() | NAMES,
    style=st.none() | NAMES,
    duration_s=st.integers(1, 10**7).map(lambda n: n / 1000),
    snr_db=st.none() | st.integers(0, 9600).map(lambda n: n / 100),
    content=st.just("00ff"),
)


@settings(max_examples=50)
@given(facts=st.dictionaries(NAMES, FACT, max_size=4))
def test_facts_are_read_as_written_whatever_the_names(
    facts: dict[str, UtteranceFacts], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("facts"))
    folder.write_utterances(facts)
    assert read_facts(folder.root / FACTS) == facts
    assert list(read_facts(folder.root / FACTS)) == list(facts)


def test_facts_csv_is_readable() -> None:
    assert facts_csv({"north/1": FACTS_OF_ONE}).splitlines() == [
        "id,corpus,speaker,gender,language,style,duration_s,snr_db,content",
        "north/1,north,north/a,female,German,acted,1.000,20.00,00ff",
    ]


def test_run_of_an_earlier_version_loads_without_facts(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_header(full_run(), [])
    assert folder.load().utterances == {}


def test_facts_are_not_in_the_header(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_header(full_run(), [])
    folder.write_utterances({"north/1": FACTS_OF_ONE})
    assert "utterances" not in (folder.header() or {})
    assert folder.load().utterances == {"north/1": FACTS_OF_ONE}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id,corpus\nnorth/1,north\n",
        ",".join(COLUMNS) + "\nnorth/1,north\n",
        ",".join(COLUMNS) + "\nnorth/1,north,north/a,,,,long,,00ff\n",
        ",".join(COLUMNS) + '\n"north/1',
    ],
    ids=["empty", "other columns", "short row", "no number", "cut off"],
)
def test_damaged_table_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / FACTS).write_text(text, "utf-8")
    with pytest.raises(ArtifactError, match=r"utterances\.csv is damaged"):
        read_facts(tmp_path / FACTS)


def test_invalid_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FACTS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArtifactError, match="damaged"):
        read_facts(tmp_path / FACTS)
