from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.people import SOMEBODY
from tests.report.runs import full_run
from voxaffect.errors import ArtefactError
from voxaffect.evaluation.experiment.run import FACTS, RunFolder
from voxaffect.evaluation.experiment.utterance_facts import (
    COLUMNS,
    UtteranceFacts,
    facts_csv,
    read_facts,
)

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
def test_what_is_written_is_read_whatever_the_names(
    facts: dict[str, UtteranceFacts], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("facts"))
    folder.write_utterances(facts)
    assert read_facts(folder.root / FACTS) == facts
    assert list(read_facts(folder.root / FACTS)) == list(facts)


def test_people_can_read_it() -> None:
    assert facts_csv({"north/1": SOMEBODY}).splitlines() == [
        "id,corpus,speaker,gender,language,style,duration_s,snr_db,content",
        "north/1,north,north/a,female,German,acted,1.000,20.00,00ff",
    ]


def test_a_run_of_an_earlier_version_loads_without_facts(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_header(full_run(), [])
    assert folder.load().utterances == {}


def test_the_header_does_not_repeat_the_facts(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_header(full_run(), [])
    folder.write_utterances({"north/1": SOMEBODY})
    assert "utterances" not in (folder.header() or {})
    assert folder.load().utterances == {"north/1": SOMEBODY}


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
def test_a_damaged_table_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FACTS).write_text(text, "utf-8")
    with pytest.raises(ArtefactError, match=r"utterances\.csv: damaged"):
        read_facts(tmp_path / FACTS)


def test_bytes_that_are_no_text_are_damage_too(tmp_path: Path) -> None:
    (tmp_path / FACTS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArtefactError, match="damaged"):
        read_facts(tmp_path / FACTS)
