from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxaffect.audio.decode import DecodeLimits
from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ArtifactError, AudioError, CorpusError, TrainingError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.provenance import numeric_environment, versions
from voxaffect.recognizer.prediction import NO_SPEECH
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import FORMAT, read_artifact, write_artifact
from voxaffect.simulation.plans import write_audio, write_film
from voxaffect.systems.classifier import NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION, GENDER, MISSING

TRUNKS: list[TrunkSettings] = [
    LstmSettings(hidden=8),
    LstmSettings(hidden=8, bidirectional=True),
    DnnSettings(hidden=8, context=3),
]


def tone(seed: int, seconds: float = 0.6) -> Waveform:
    """A noisy voice whose pitch depends on the seed's class, and falls as a note's does not."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (120 + 60 * (seed % 4)) * (time - 0.25 * time**2 / seconds)
    wave = sum(np.sin(k * phase) / k for k in range(1, 10)) * np.sin(2 * np.pi * 2.5 * time) ** 2
    noisy = 0.15 * wave + 0.002 * rng.normal(size=time.size)
    return Waveform(noisy.astype(np.float32), f"tone {seed}")


def trained(trunk: TrunkSettings = TRUNKS[0]) -> TrainedRecognizer:
    settings = NetSettings(
        trunk,
        {"emotion": 1.0, "gender": 0.1},
        TrainingSettings(batch_size=8, max_epochs=3, patience=3),
    )
    recognizer = TrainedRecognizer(NetClassifier(settings), card={"note": "tones"})
    train, dev = (labeled(recognizer, part) for part in (range(16), range(16, 24)))
    return recognizer.fit(train, dev, seed=0)


def labeled(recognizer: TrainedRecognizer, seeds: range) -> Examples:
    labels = {
        "emotion": [EMOTION.classes[seed % 4] for seed in seeds],
        "gender": [GENDER.classes[seed % 2] for seed in seeds],
    }
    return recognizer.examples([tone(seed) for seed in seeds], labels)


def net_of(recognizer: TrainedRecognizer) -> NetClassifier:
    assert isinstance(recognizer.classifier, NetClassifier)
    return recognizer.classifier


def net_settings(recognizer: TrainedRecognizer) -> NetSettings:
    return net_of(recognizer).settings


@pytest.fixture(scope="module")
def recognizer() -> TrainedRecognizer:
    return trained()


@pytest.fixture
def saved(recognizer: TrainedRecognizer, tmp_path: Path) -> Path:
    recognizer.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_a_saved_recognizer_answers_the_same(trunk: TrunkSettings, tmp_path: Path) -> None:
    recognizer = trained(trunk)
    recognizer.save(tmp_path)
    loaded = TrainedRecognizer.load(tmp_path)
    assert net_settings(loaded) == net_settings(recognizer)
    assert loaded.card == json.loads(json.dumps(recognizer.card))
    for before, after in zip(
        recognizer.predict([tone(30), tone(31)]), loaded.predict([tone(30), tone(31)]), strict=True
    ):
        assert before.probabilities == after.probabilities
        np.testing.assert_array_equal(np.asarray(before.posteriors), np.asarray(after.posteriors))


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_half_precision_takes_half_the_space_and_moves_answers_little(
    trunk: TrunkSettings, tmp_path: Path
) -> None:
    recognizer = trained(trunk)
    heard = [tone(30), tone(31)]
    sizes, answers = [], []
    for half in (False, True):
        recognizer.save(tmp_path / str(half), half=half)
        (weights,) = (tmp_path / str(half)).glob("*.safetensors")
        sizes.append(weights.stat().st_size)
        loaded = TrainedRecognizer.load(tmp_path / str(half))
        answers.append([list(p.probabilities.values()) for p in loaded.predict(heard)])
    n_weights = sum(p.numel() for p in net_of(recognizer).net_.parameters())
    assert sizes[0] - sizes[1] == pytest.approx(2 * n_weights, abs=64)
    np.testing.assert_allclose(answers[0], answers[1], atol=0.01)


def test_a_prediction_says_everything_once(recognizer: TrainedRecognizer) -> None:
    prediction = recognizer.predict([tone(30)])[0]
    assert prediction.forced().label == max(
        prediction.probabilities, key=prediction.probabilities.__getitem__
    )
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert list(prediction.subtasks) == ["gender"]
    n_frames = FrameGrid().n_frames(tone(30).samples.size)
    assert prediction.posteriors is not None
    assert prediction.times_s is not None
    assert prediction.posteriors.shape == (n_frames, 4)
    np.testing.assert_allclose(prediction.posteriors.sum(axis=1), 1.0, rtol=1e-5)
    assert prediction.times_s[0] == pytest.approx(0.0125)
    np.testing.assert_allclose(np.diff(prediction.times_s), 0.01)


def test_a_file_its_bytes_and_its_samples_get_one_answer(
    recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(30).samples, SAMPLE_RATE_HZ, subtype="FLOAT")
    answers = [
        recognizer.predict([path])[0],
        recognizer.predict([path.read_bytes()])[0],
        recognizer.predict([tone(30)])[0],
    ]
    assert answers[0].probabilities == answers[1].probabilities == answers[2].probabilities


def test_a_film_and_a_segment_of_a_sphere_session_get_the_answer_of_their_samples(
    recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    pcm = np.round(tone(30).samples * 32_768).astype(np.int16)[:, None]
    write_film(tmp_path / "clip.avi", pcm, SAMPLE_RATE_HZ)
    pause = np.zeros((8_000, 1), np.int16)
    session = np.repeat(np.concatenate([pause, pcm, pause]), 2, axis=1)
    write_audio(tmp_path / "cc_001.sph", session, SAMPLE_RATE_HZ, "NIST")
    end_s = 0.5 + len(pcm) / SAMPLE_RATE_HZ
    segment = Utterance(
        "ldc/cc_001#0.500", "ldc", tmp_path / "cc_001.sph", "", "ldc/cc", start_s=0.5, end_s=end_s
    )
    film = recognizer.predict([tmp_path / "clip.avi"])[0]
    spoken = recognizer.predict([segment])[0]
    (expected,) = recognizer.predict([Waveform((pcm[:, 0] / 32_768).astype(np.float32))])
    assert film.probabilities == spoken.probabilities == expected.probabilities
    assert spoken.name == segment.id


def test_limits_of_the_recognizer_hold_for_files_and_segments(
    recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    strict = replace(recognizer, limits=DecodeLimits(max_duration_s=0.5))
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(30).samples, SAMPLE_RATE_HZ)
    for recording in (path, path.read_bytes(), Utterance("c/tone", "c", path, "", "c/?")):
        with pytest.raises(AudioError, match=r"more than the limit of 0\.5 s"):
            strict.predict([recording])


def test_what_is_far_from_training_is_answered_with_a_warning(
    recognizer: TrainedRecognizer, saved: Path
) -> None:
    time = np.arange(16_000) / SAMPLE_RATE_HZ
    whistle = np.sin(2 * np.pi * 300 * time) * np.sin(2 * np.pi * 2.5 * time) ** 2
    sounds = [tone(30), Waveform((0.1 * whistle).astype(np.float32), "whistle")]
    familiar, strange = recognizer.predict(sounds)
    assert familiar.novelty is not None
    assert familiar.novelty < 1
    assert strange.novelty is not None
    assert strange.novelty > 1
    assert "unfamiliar" not in {caveat.code for caveat in familiar.warnings}
    assert "unfamiliar" in {caveat.code for caveat in strange.warnings}
    assert TrainedRecognizer.load(saved).predict([tone(30)])[0].novelty == familiar.novelty


def test_arrays_and_novelty_that_do_not_fit_are_refused(saved: Path, tmp_path: Path) -> None:
    header, arrays = read_artifact(saved)

    def without(name: str) -> dict[str, np.ndarray]:
        return {key: values for key, values in arrays.items() if key != name}

    fewer = {
        "novelty.center": arrays["novelty.center"][:16],
        "novelty.scale": arrays["novelty.scale"][:16],
        "novelty.mean": arrays["novelty.mean"][:32],
        "novelty.whitening": arrays["novelty.whitening"][:32, :32],
    }
    for damaged, rate, message in (
        (without("novelty.mean"), 0.01, "novelty lacks mean"),
        (without("novelty.whitening"), 0.01, "novelty lacks whitening"),
        (without("elm.coef"), 0.01, "the ELM lacks coef"),
        (without("standardizer.mean"), 0.01, "weights do not fit the settings"),
        ({**arrays, **fewer}, 0.01, "16 features where the recognizer has 32"),
        (arrays, 7.0, "7.0 false alarms"),
        (arrays, None, "novelty lacks false alarms"),
    ):
        wrong = {**header, "novelty": {"false_alarms": rate}}
        write_artifact(tmp_path / "damaged", wrong, damaged)
        with pytest.raises(ArtifactError, match=message):
            TrainedRecognizer.load(tmp_path / "damaged")


def test_gain_changes_nothing(recognizer: TrainedRecognizer) -> None:
    quiet = Waveform(tone(30).samples * np.float32(0.01), "quiet")
    one, other = recognizer.predict([tone(30), quiet])
    for name, value in one.probabilities.items():
        assert other.probabilities[name] == pytest.approx(value, abs=1e-3)


def test_nothing_in_nothing_out(recognizer: TrainedRecognizer) -> None:
    assert recognizer.predict([]) == []


def test_short_and_clipped_recordings_are_answered_with_a_warning(
    recognizer: TrainedRecognizer,
) -> None:
    short, clipped = recognizer.predict(
        [tone(30, 0.2), Waveform(np.clip(9 * tone(30).samples, -1, 1), "loud")]
    )
    assert "short" in {caveat.code for caveat in short.warnings}
    assert "clipped" in {caveat.code for caveat in clipped.warnings}


def test_silence_is_refused_by_name(recognizer: TrainedRecognizer) -> None:
    with pytest.raises(AudioError, match=r"clip 7.* silent"):
        recognizer.predict([Waveform(np.zeros(16_000, np.float32), "clip 7")])


def test_where_nobody_speaks_there_is_no_emotion_and_the_others_are_answered(
    recognizer: TrainedRecognizer,
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    hiss, spoken, click = recognizer.predict([Waveform(noise, "hiss"), tone(30), tone(0, 0.01)])
    assert spoken.probabilities == recognizer.predict([tone(30)])[0].probabilities
    for silent, name, seconds in ((hiss, "hiss", 1.0), (click, "tone 0", 0.01)):
        assert (silent.name, silent.label, silent.probabilities) == (name, NO_SPEECH, {})
        assert silent.duration_s == seconds
        (warning,) = silent.warnings
        assert warning.code == "no-speech"
        assert silent.error is None


FILES = ["recognizer.json", "weights-*.safetensors"]


@pytest.mark.parametrize("pattern", FILES)
@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_refused(saved: Path, pattern: str, where: float) -> None:
    (path,) = saved.glob(pattern)
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] = ord("7") if content[place] != ord("7") else ord("8")
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=path.name):
        TrainedRecognizer.load(saved)


@pytest.mark.parametrize("pattern", FILES)
def test_a_missing_or_cut_file_is_refused(saved: Path, pattern: str) -> None:
    (path,) = saved.glob(pattern)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=path.name):
        TrainedRecognizer.load(saved)
    path.unlink()
    with pytest.raises(ArtifactError, match=str(saved)):
        TrainedRecognizer.load(saved)


def test_other_frame_features_are_refused(saved: Path) -> None:
    other = LowLevelDescriptors(grid=FrameGrid(hop_s=0.02))
    with pytest.raises(ArtifactError, match="its frame features differ"):
        TrainedRecognizer.load(saved, other)


def test_a_newer_format_is_refused(saved: Path) -> None:
    path = saved / "recognizer.json"
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(ArtifactError, match="format 99"):
        TrainedRecognizer.load(saved)


def resaved(saved: Path, **changes: object) -> Path:
    """The recognizer with another header, sealed as if it had been trained so."""
    header, arrays = read_artifact(saved)
    write_artifact(saved, {**header, **changes}, arrays)
    return saved


def test_other_classes_and_another_level_are_refused(saved: Path) -> None:
    header, _ = read_artifact(saved)
    for task, classes in header["classes"].items():
        turned = {**header["classes"], task: classes[::-1]}
        with pytest.raises(ArtifactError, match="its classes differ"):
            TrainedRecognizer.load(resaved(saved, classes=turned))
    resaved(saved, classes=header["classes"])
    with pytest.raises(ArtifactError, match=r"its target level differ.*0\.1"):
        TrainedRecognizer.load(resaved(saved, target_rms=0.1))


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_the_trunk_says_its_kind_and_unknown_keys_are_refused(
    trunk: TrunkSettings, tmp_path: Path
) -> None:
    trained(trunk).save(tmp_path)
    header, _ = read_artifact(tmp_path)
    stated = header["settings"]
    assert stated["trunk"]["kind"] == type(trunk).__name__.removesuffix("Settings").lower()
    for wrong in (
        {**stated, "trunk": {**stated["trunk"], "kind": "gru"}},
        {**stated, "trunk": {**stated["trunk"], "attention": 4}},
        {**stated, "trunk": {**stated["trunk"], "hidden": "many"}},
        {**stated, "augmentation": True},
        None,
    ):
        with pytest.raises(ArtifactError, match="settings"):
            TrainedRecognizer.load(resaved(tmp_path, settings=wrong))


def test_what_was_trained_on_another_device_answers_on_this_one(
    recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    here = net_settings(recognizer)
    elsewhere = NetClassifier(replace(here, training=replace(here.training, device="cuda")))
    for name, learned in vars(recognizer.classifier).items():
        if name != "settings":
            setattr(elsewhere, name, learned)
    twin = TrainedRecognizer(elsewhere, recognizer.extractor)
    twin.novelty_ = recognizer.novelty_
    twin.save(tmp_path)
    loaded = TrainedRecognizer.load(tmp_path)
    assert net_settings(loaded) == here
    answers = [r.predict([tone(30)])[0].probabilities for r in (recognizer, loaded)]
    assert answers[0] == answers[1]


def test_the_card_tells_how_it_was_made_and_no_time(saved: Path) -> None:
    header, _ = read_artifact(saved)
    card = header["card"]
    assert (card["note"], card["seed"]) == ("tones", 0)
    assert card["made_with"] == {**versions(), **numeric_environment()}
    (names,) = {tuple(epoch) for epoch in card["history"]["epochs"]}
    assert names == ("number", "train_loss", "dev_loss", "dev_ua")
    assert 1 <= card["history"]["best"] <= len(card["history"]["epochs"])


def test_examples_are_decoded_leveled_and_labeled(
    recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    quiet = tone(1).samples * np.float32(0.01)
    soundfile.write(path, quiet, SAMPLE_RATE_HZ, subtype="FLOAT")
    examples = recognizer.examples([tone(0), path], {"emotion": ["sad", "angry"]})
    frames = recognizer.extractor.extract([speech_of(tone(n)).waveform for n in (0, 1)])
    for found, expected in zip(examples.frames, frames, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert {task: target.tolist() for task, target in examples.targets.items()} == {
        "emotion": [2, 3],
        "gender": [MISSING, MISSING],
    }


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({"emotion": ["sad"]}, TrainingError, "1 labels of emotion for 2 recordings"),
        ({"mood": ["sad", "sad"]}, TrainingError, "unknown task 'mood'; use one of emotion"),
        (
            {"emotion": ["sad", "wistful"]},
            CorpusError,
            "'wistful' is not a valid emotion; use one of neutral, happy",
        ),
    ],
)
def test_labels_that_do_not_fit_are_named(
    recognizer: TrainedRecognizer,
    labels: dict[str, list[str | None]],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        recognizer.examples([tone(0), tone(1)], labels)


def test_an_untrained_recognizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not trained"):
        TrainedRecognizer().predict([tone(0)])
    with pytest.raises(TrainingError, match="not trained"):
        TrainedRecognizer().save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_device_that_is_not_here_is_named(saved: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no device 'cdua' here .* device='cpu'"):
        TrainedRecognizer.load(saved, device="cdua")
