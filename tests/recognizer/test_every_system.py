"""Whatever can be trained is saved, loaded, adapted, inspected and used live by one interface."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.recognizer.test_recognizer import tone
from voxaffect.audio.waveform import Waveform
from voxaffect.config.settings import find_system
from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.opensmile import UTTERANCE_SETS
from voxaffect.features.spectra import LogMel
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.recognizer.adaptation import adapt
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import read_artifact
from voxaffect.report.model_card import model_card
from voxaffect.report.table import markdown
from voxaffect.systems.row_classifier import LinearSvmSettings, LogisticSettings
from voxaffect.systems.systems import Options, TrainingOptions
from voxaffect.taxonomy import EMOTION

QUICK = TrainingSettings(batch_size=32, max_epochs=1, patience=1, batches_per_epoch=3)
OPTIONS = Options(
    training=TrainingOptions(dnn=QUICK, lstm=QUICK),
    linear_svm=LinearSvmSettings((1e-3,)),
    logistic=LogisticSettings((1e-3,)),
)
SYSTEMS = (
    *("dnn-stl", "dnn-mtl-extended", "lstm-mtl", "dnn-mean", "lstm-mean", "svm", "logistic"),
    *("mean-logistic", "egemaps-svm", "egemaps-logistic", "compare-svm", "compare-logistic"),
    *("majority", "mean-logistic+dnn-mean", "logistic+svm"),
)
UNADAPTABLE = {"svm", "egemaps-svm", "majority", "logistic+svm"}
HEARD = (30, 31, 32)


@cache
def examples(extractor: Any, seeds: range, turn: int = 0) -> Examples:
    """Voices by their pitch, called by the emotion `turn` places further."""
    labels = {"emotion": [EMOTION.classes[(seed + turn) % 4] for seed in seeds]}
    labels["gender"] = [("female", "male")[seed % 2] for seed in seeds]
    maker = TrainedRecognizer(find_system("dnn-mtl").classifier(OPTIONS), extractor)
    return maker.examples([tone(seed) for seed in seeds], labels)


def extractor_of(system: str) -> FrameExtractor:
    features = find_system(system).features
    return LowLevelDescriptors() if features is None else UTTERANCE_SETS[features]


def fitted(system: str, extractor: FrameExtractor | None = None) -> TrainedRecognizer:
    used: Any = extractor or extractor_of(system)
    classifier = find_system(system).classifier(OPTIONS)
    recognizer = TrainedRecognizer(classifier, used, {"system": system})
    return recognizer.fit(examples(used, range(16)), examples(used, range(16, 24)), seed=0)


@cache
def trained(system: str) -> TrainedRecognizer:
    """A fitted one that tests share."""
    return fitted(system)


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_saved_one_answers_to_the_bit_and_the_same_seed_gives_the_same_bytes(
    system: str, tmp_path: Path
) -> None:
    recognizer = trained(system)
    recognizer.save(tmp_path / "one")
    fitted(system).save(tmp_path / "again")
    files = [sorted((tmp_path / name).iterdir()) for name in ("one", "again")]
    assert [f.name for f in files[0]] == [f.name for f in files[1]]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
    loaded = TrainedRecognizer.load(tmp_path / "one")
    assert type(loaded.classifier) is type(recognizer.classifier)
    assert loaded.classifier.tasks == recognizer.classifier.tasks
    waveforms = [tone(seed) for seed in HEARD]
    both = (r.predict(waveforms) for r in (recognizer, loaded))
    for before, after in zip(*both, strict=True):
        assert before == after
        for name in ("posteriors", "times_s", "embedding"):
            found, expected = getattr(after, name), getattr(before, name)
            assert (found is None) == (expected is None)
            if found is not None:
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("where", [0.2, 0.5, 0.9])
def test_a_changed_byte_is_found(system: str, where: float, tmp_path: Path) -> None:
    trained(system).save(tmp_path)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        place = int(where * len(content))
        other = b"7" if content[place : place + 1] != b"7" else b"8"
        path.write_bytes(content[:place] + other + content[place + 1 :])
        with pytest.raises(ArtifactError, match=path.name):
            TrainedRecognizer.load(tmp_path)
        path.write_bytes(content)


def test_half_precision_moves_answers_little(system: str, tmp_path: Path) -> None:
    recognizer = trained(system)
    recognizer.save(tmp_path, half=True)
    waveforms = [tone(seed) for seed in HEARD]
    both = (r.predict(waveforms) for r in (recognizer, TrainedRecognizer.load(tmp_path)))
    for before, after in zip(*both, strict=True):
        assert after.probabilities == pytest.approx(before.probabilities, abs=0.01)


def test_posteriors_are_of_frames_in_speech_or_not_there(system: str) -> None:
    (prediction,) = trained(system).predict([tone(30)])
    has_frames = system.startswith(("dnn", "lstm", "mean-logistic"))
    assert (prediction.posteriors is not None) == has_frames
    plain = prediction.to_dict(frames=True)
    assert ("posteriors" in plain) == ("times_s" in plain) == has_frames
    if prediction.posteriors is not None and prediction.times_s is not None:
        assert len(prediction.posteriors) == len(prediction.times_s)
        assert (np.diff(prediction.times_s) > 0).all()
        assert prediction.times_s[-1] < prediction.duration_s


def test_its_card_is_shown(system: str, tmp_path: Path) -> None:
    recognizer = trained(system)
    recognizer.save(tmp_path)
    header, arrays = read_artifact(tmp_path)
    shown = "\n".join(markdown(table) for table in model_card(header, arrays))
    assert system in shown
    assert header["kind"] in shown
    assert "history" not in shown
    assert recognizer.classifier.summary()
    if "logistic" in system:
        assert "penalt" in shown


def test_it_is_adapted_or_says_that_it_cannot_be(system: str) -> None:
    recognizer = trained(system)
    extractor: Any = recognizer.extractor
    train, dev = (examples(extractor, seeds, 1) for seeds in (range(16), range(16, 24)))
    if system in UNADAPTABLE:
        with pytest.raises(TrainingError, match="cannot be adapted; train it on your recordings"):
            adapt(recognizer, train, dev, seed=0, training=QUICK)
        return
    before = [p.probabilities for p in recognizer.predict([tone(30)])]
    adapted = adapt(recognizer, train, dev, seed=0, training=QUICK)
    assert [p.probabilities for p in recognizer.predict([tone(30)])] == before
    assert adapted.card["adapted_from"] == {"system": system, "seed": 0}
    again = adapt(recognizer, train, dev, seed=0, training=QUICK)
    assert adapted.predict([tone(30)]) == again.predict([tone(30)])


@pytest.mark.parametrize("system", ["logistic", "mean-logistic", "compare-logistic", "compare-svm"])
def test_a_linear_machine_learns_new_names_and_keeps_old_ones_where_data_agree(
    system: str,
) -> None:
    recognizer = trained(system)
    extractor: Any = recognizer.extractor

    def share(adapted: TrainedRecognizer, turn: int) -> float:
        found = adapted.predict([tone(seed) for seed in range(40, 56)])
        names = [EMOTION.classes[(seed + turn) % 4] for seed in range(40, 56)]
        return float(
            np.mean([p.forced().label == name for p, name in zip(found, names, strict=True)])
        )

    assert share(recognizer, 0) > 0.9
    renamed = [examples(extractor, seeds, 1) for seeds in (range(16), range(16, 24))]
    adapted = adapt(recognizer, *renamed, seed=0, training=QUICK)
    assert adapted.card["moved"]
    assert share(adapted, 1) > 0.7
    few = [examples(extractor, seeds) for seeds in (range(60, 62), range(62, 64))]
    assert share(adapt(recognizer, *few, seed=0, training=QUICK), 0) > 0.9


def test_frames_of_another_extractor_are_named_everywhere(tmp_path: Path) -> None:
    other: Any = LogMel(n_mels=24)
    recognizer = trained("mean-logistic")
    strange = examples(other, range(8))
    with pytest.raises(TrainingError, match="24 columns, and the recognizer's extractor gives 32"):
        fitted_to(strange)
    with pytest.raises(TrainingError, match="24 columns, and the recognizer's extractor gives 32"):
        adapt(recognizer, strange, strange, seed=0, training=QUICK)
    recognizer.save(tmp_path)
    with pytest.raises(ArtifactError, match=r"kind 'low-level descriptors', and 'log-mel' were"):
        TrainedRecognizer.load(tmp_path, other)


def fitted_to(frames: Examples) -> TrainedRecognizer:
    return TrainedRecognizer(find_system("mean-logistic").classifier(OPTIONS)).fit(
        frames, frames, seed=0
    )


LOADS = """
import sys
from pathlib import Path
from typing import Any
import numpy as np
from voxaffect.audio.waveform import Waveform
from voxaffect.recognizer.recognizer import TrainedRecognizer
voice = Waveform(np.load(sys.argv[2]))
for folder in sorted(Path(sys.argv[1]).iterdir()):
    (prediction,) = TrainedRecognizer.load(folder).predict([voice])
    assert prediction.probabilities, folder
    assert "sklearn" not in sys.modules, folder
"""


def test_loading_and_predicting_load_no_scikit_learn(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for system in SYSTEMS:
        trained(system).save(tmp_path / "models" / system)
    np.save(tmp_path / "voice.npy", tone(30).samples)
    command = [sys.executable, "-c", LOADS, str(tmp_path / "models"), str(tmp_path / "voice.npy")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_nobody_speaks_and_no_machine_sees_it() -> None:
    hiss = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    for system in ("mean-logistic", "egemaps-svm", "majority"):
        (prediction,) = trained(system).predict([Waveform(hiss)])
        assert (prediction.label, prediction.probabilities) == ("no speech", {})
