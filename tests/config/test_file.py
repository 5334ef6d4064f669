from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.config.corpora import Source, find_loader
from voxaffect.config.file import load_settings, make_settings, read_settings
from voxaffect.config.settings import find_system
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError, FeatureError
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.opensmile import OpenSmile
from voxaffect.features.spectra import LogMel
from voxaffect.features.ssl import SpeechEncoder
from voxaffect.systems.systems import SYSTEMS, Options

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def written(tmp_path: Path, text: str, corpora: str = '[corpora]\nemodb = "trees/emodb"\n') -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(corpora + text)
    return path


def test_a_file_says_only_what_differs_from_the_paper(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, ""))
    assert (settings.training.lstm.learning_rate, settings.training.lstm.batch_size) == (3e-3, 128)
    assert settings.training.subtask_weight == 0.1
    assert settings.corpora["emodb"].root == tmp_path / "trees/emodb"
    assert settings.plan().protocols == ("within", "cross", "aggregated")


def test_settings_of_one_kind_of_net_go_before_those_of_all(tmp_path: Path) -> None:
    text = (
        "[training]\npatience = 2\nbatch_size = 16\nclass_weight = 'none'\n"
        "[training.dnn]\nbatch_size = 512\n"
    )
    settings = load_settings(written(tmp_path, text))
    assert (settings.training.lstm.batch_size, settings.training.lstm.patience) == (16, 2)
    assert (settings.training.dnn.batch_size, settings.training.dnn.patience) == (512, 2)
    assert settings.training.dnn.class_weight is None
    assert settings.training.dnn.batches_per_epoch == 200


def test_what_the_paper_leaves_open_is_a_setting(tmp_path: Path) -> None:
    text = (
        "[training]\ntask_weighting = 'gradnorm'\ngradnorm_asymmetry = 0.5\nresident_gib = 0.5\n"
        "private_layers = 2\n[training.task_learning_rates]\ngender = 1e-4\n"
        "[training.dnn]\ntask_weighting = 'uncertainty'\n"
        "[elm]\nsubtasks = true\n"
    )
    settings = load_settings(written(tmp_path, text))
    assert settings.training.lstm.task_weighting == "gradnorm"
    assert settings.training.dnn.task_weighting == "uncertainty"
    assert settings.training.dnn.gradnorm_asymmetry == 0.5
    assert settings.training.lstm.task_learning_rates == {"gender": 1e-4}
    assert settings.training.lstm.resident_gib == 0.5
    assert (settings.training.private_layers, settings.elm.subtasks) == (2, True)
    plain, default = load_settings(written(tmp_path, "")), Options()
    assert all(getattr(plain, f.name) == getattr(default, f.name) for f in fields(Options))


def test_environment_variables_stand_in_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH", "/data/speech")
    path = written(tmp_path, "", '[corpora]\nurdu = "${SPEECH}/urdu"\n')
    assert load_settings(path).corpora["urdu"].root == Path("/data/speech/urdu")
    monkeypatch.delenv("SPEECH")
    with pytest.raises(ConfigError, match="environment variable SPEECH"):
        load_settings(path)


def test_the_set_of_frame_features_is_a_setting(tmp_path: Path) -> None:
    def chosen(text: str) -> FrameExtractor:
        return load_settings(written(tmp_path, text)).features.extractor()

    assert chosen("") == chosen("[features]\nset = 'lld'\n") == LowLevelDescriptors()
    lld = "[features.lld]\nfloor_hz = 60\nceiling_hz = 400\nlog_f0 = true\n"
    pitch = PitchSettings(floor_hz=60.0, ceiling_hz=400.0)
    assert chosen(lld) == LowLevelDescriptors(pitch=pitch, log_f0=True)
    with pytest.raises(FeatureError, match=r"floor_hz = 0\.1 is out of range; choose 20"):
        chosen("[features.lld]\nfloor_hz = 0.1\n")
    mel = "[features]\nset = 'log-mel'\n[features.log-mel]\nn_mels = 23\nhigh_hz = 4000\n"
    assert chosen(mel) == LogMel(n_mels=23, high_hz=4000.0)
    smile = "[features]\nset = 'opensmile'\n[features.opensmile]\nname = 'ComParE_2016'\n"
    assert chosen(smile) == OpenSmile("ComParE_2016")
    encoder = "[features]\nset = 'encoder'\n[features.encoder]\nfolder = 'wavlm'\nlayer = 9\n"
    assert chosen(encoder) == SpeechEncoder(tmp_path / "wavlm", 9)
    with pytest.raises(ConfigError, match=r"\[features\.encoder\] with the folder of a model"):
        chosen("[features]\nset = 'encoder'\n")


def test_plain_values_of_a_file_are_its_settings_and_may_be_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, "[training]\npatience = 2\n[training.dnn]\nbatch_size = 16\n")
    plain = read_settings(path)
    assert make_settings(plain, "again") == load_settings(path)
    plain["training"]["patience"] = 4
    training = make_settings(plain, "again").training
    assert (training.dnn.patience, training.lstm.patience) == (4, 4)
    assert (training.dnn.batch_size, training.lstm.batch_size) == (16, 128)


def test_limits_of_recordings_are_settings(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "[audio]\nmax_duration_s = 600\nmax_channels = 2\n"))
    assert settings.audio.limits() == DecodeLimits(max_duration_s=600, max_channels=2)
    assert load_settings(written(tmp_path, "")).audio.limits() == DEFAULT_LIMITS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[audio]\nmax_channels = 0\n", ["audio.max_channels = 0"]),
        ("[audio]\nmax_channels = true\n", ["audio.max_channels = True"]),
        ("[audio]\nmax_duration_s = inf\n", ["audio.max_duration_s = inf"]),
        ("[audio]\nmax_duration = 9\n", ["'max_duration'", "'max_duration_s'"]),
        ("[trainin]\n", ["'trainin'", "did you mean 'training'"]),
        ("[training]\nlearnig_rate = 1\n", ["'learnig_rate'", "'learning_rate'"]),
        ("[training.dnn]\nbatchsize = 1\n", ["'batchsize'", "[training.dnn]", "'batch_size'"]),
        ("[elm]\nhidden = 3\n", ["'hidden'", "'n_hidden'"]),
        ("[evaluate]\nsystem = ['svm']\n", ["'system'", "'systems'"]),
        ("[evaluate]\nsystems = ['lstm-mlt']\n", ["'lstm-mlt'", "'lstm-mtl'"]),
        ("[training]\nlearning_rate = -1\n", ["learning_rate", "-1", "greater than 0"]),
        ("[training]\nbatch_size = 'many'\n", ["batch_size", "'many'"]),
        ("[evaluate]\nprotocols = ['witin']\n", ["protocols", "'witin'", "within"]),
        ("[taxonomy.ravdes]\ncalm = 'neutral'\n", ["'ravdes'", "taxonomy"]),
        ("[taxonomy.emodb]\nboredom = 'netral'\n", ["'netral'", "'neutral'"]),
        ("[elm]\nridge = 'gvc'\n", ["ridge", "gvc"]),
        ("[elm]\nridge = -1\n", ["ridge", "-1"]),
        ("[elm]\nn_hidden = 0\n", ["n_hidden", "0"]),
        ("[elm]\nthreshold = 7\n", ["threshold", "7"]),
        ("[svm]\npenalty = -1\n", ["penalty", "-1"]),
        ("[svm]\nclass_weight = 'balancd'\n", ["class_weight", "'balancd'"]),
        ("[training]\nlearning_rate = inf\n", ["learning_rate", "inf"]),
        ("[training]\ndevice = 'cdua'\n", ["device", "'cdua'", "use cpu"]),
        ("[training]\ntask_weighting = 'gradnrm'\n", ["task_weighting", "'gradnrm'", "'gradnorm'"]),
        ("[training]\ntask_weightng = 'fixed'\n", ["'task_weightng'", "'task_weighting'"]),
        ("[training]\ngradnorm_asymmetry = -1\n", ["gradnorm_asymmetry", "-1"]),
        ("[training]\nresident_gib = 0\n", ["resident_gib", "0"]),
        ("[training]\nprivate_layers = -1\n", ["private_layers", "-1"]),
        (
            "[training.task_learning_rates]\ngendr = 1\n",
            ["task_learning_rates", "'gendr' is not a task", "gender"],
        ),
        ("[training.task_learning_rates]\ngender = 0\n", ["task_learning_rates.gender", "0"]),
        ("[training]\ntask_learning_rates = 0.1\n", ["task_learning_rates", "0.1"]),
        ("[elm]\nsubtasks = 'perhaps'\n", ["elm.subtasks", "'perhaps'"]),
        ("[evaluate]\nsystems = []\n", ["systems", "[]"]),
        ("[evaluate]\nsystems = ['svm', 'svm']\n", ["systems", "repeated"]),
        ("[evaluate]\nseeds = [0, 0]\n", ["seeds", "repeated"]),
        ("[evaluate]\nsplit_style = ['emdb']\n", ["'emdb'", "'emodb'"]),
        ("[features]\nset = 'log_mel'\n", ["features.set", "'log_mel'", "'log-mel'"]),
        ("[features.logmel]\nn_mels = 8\n", ["'logmel'", "'log-mel'"]),
        ("[features.log-mel]\nmels = 8\n", ["'mels'", "[features.log-mel]", "'n_mels'"]),
        ("[features.lld]\ndevice = 'meta'\n", ["features.lld.device", "'meta'", "use cpu"]),
        ("[features.log-mel]\nn_mels = 0\n", ["features.log-mel.n_mels", "0"]),
        ("[features.opensmile]\nname = 'eGeMAPS'\n", ["name", "'eGeMAPS'", "eGeMAPSv02"]),
        ("[features.encoder]\nlayer = 'lats'\n", ["features.encoder.layer", "'lats'", "'last'"]),
        ("[features.encoder]\nlayer = -1\n", ["features.encoder.layer", "-1"]),
        ("[features.whisper]\nsize = 'hughe'\n", ["features.whisper.size", "'hughe'", "'base'"]),
        ("[features.whisper]\nlayer = 'last'\n", ["features.whisper.layer", "'last'"]),
        ("[features.whisper]\nprecision = 'half'\n", ["features.whisper.precision", "'half'"]),
        ("[corpora.mine]\ntabel = 'x.csv'\n", ["'tabel'", "'table'", "corpora.mine"]),
        ("[corpora.mine]\ntable = 3\n", ["corpora.mine.table", "3"]),
        ("[corpora.mine]\nloader = 'emodb'\n", ["corpora.mine", "root"]),
        ("[corpora.mine]\ntable = 'x.csv'\nloader = 'emodb'\n", ["'loader'", "corpora.mine"]),
        ("[corpora.mine]\nroot = 'x'\ncolumn = 'felt'\n", ["'column'", "corpora.mine"]),
    ],
)
def test_what_is_wrong_is_named_with_what_is_near(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    def use() -> None:
        settings = load_settings(written(tmp_path, text))
        settings.make_taxonomy()
        settings.plan()

    with pytest.raises(ConfigError) as fault:
        use()
    for word in words:
        assert word in str(fault.value)
    assert "\n" not in str(fault.value)


def test_files_that_are_no_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is not a valid TOML file"):
        load_settings(written(tmp_path, "[training"))
    with pytest.raises(ConfigError, match=r"needs a \[corpora\] section"):
        load_settings(written(tmp_path, "", ""))


def test_an_unknown_corpus_or_system_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'emodb'"):
        find_loader("emdb")
    with pytest.raises(ConfigError, match="did you mean 'dnn-stl'"):
        find_system("dnn-slt")


def write_emodb(root: Path, names: tuple[str, ...] = ("03a01Fa", "08a02La")) -> None:
    root.mkdir(parents=True)
    for name in names:
        (root / f"{name}.wav").write_bytes(b"RIFF")


def test_a_database_is_a_source_with_its_table_and_column(tmp_path: Path) -> None:
    text = '[corpora.studio]\naudformat = "db"\nlabels = "gold"\ncolumn = "felt"\n'
    source = load_settings(written(tmp_path, "", text)).corpora["studio"]
    assert source == Source(audformat=tmp_path / "db", labels="gold", column="felt")


@pytest.mark.parametrize("place", ["root", "table", "audformat"])
def test_a_source_lies_in_one_place(tmp_path: Path, place: str) -> None:
    other = {"root": "table", "table": "audformat", "audformat": "root"}[place]
    text = f'[corpora.mine]\n{place} = "a"\n{other} = "b"\n'
    with pytest.raises(ConfigError, match=r"corpora.mine must be a folder"):
        load_settings(written(tmp_path, "", text))


def test_a_corpus_may_be_named_freely_when_its_loader_is_told(tmp_path: Path) -> None:
    write_emodb(tmp_path / "x" / "wav")
    text = '[corpora.berlin]\nroot = "x"\nloader = "emodb"\n'
    mapped = "[taxonomy.berlin]\nboredom = 'sad'\n"
    settings = load_settings(written(tmp_path, mapped, text))
    corpus = settings.load_corpora()[0]
    assert corpus.name == "berlin"
    first, second = corpus.utterances
    assert (first.id, first.corpus, first.speaker) == ("berlin/wav/03a01Fa", "berlin", "berlin/03")
    assert settings.make_taxonomy().emotion(second) == "sad"


def test_a_label_that_a_corpus_does_not_have_cannot_be_mapped(tmp_path: Path) -> None:
    write_emodb(tmp_path / "trees/emodb/wav")
    settings = load_settings(written(tmp_path, "[taxonomy.emodb]\nbordom = 'sad'\n"))
    with pytest.raises(ConfigError, match=r"'bordom'.*did you mean 'boredom'"):
        settings.load_corpora()


def test_relative_paths_are_those_of_the_file(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "[features]\nstore = 'cache'\n"))
    assert settings.features.store == tmp_path / "cache"


def test_labels_are_mapped_as_told(tmp_path: Path) -> None:
    text = "[taxonomy.emodb]\nBoredom = 'neutral'\nanger = 'exclude'\n"
    taxonomy = load_settings(written(tmp_path, text)).make_taxonomy()

    def emotion(label: str, corpus: str) -> str | None:
        return taxonomy.emotion(Utterance("u", corpus, Path("u"), label, f"{corpus}/1"))

    assert emotion("boredom", "emodb") == "neutral"
    assert emotion("anger", "emodb") is None
    assert emotion("anger", "emovo") == "angry"
    assert emotion("boredom", "emovo") is None


def test_all_systems_can_be_asked_for(tmp_path: Path) -> None:
    text = f"[evaluate]\nsystems = {list(SYSTEMS)}\n"
    assert [s.name for s in load_settings(written(tmp_path, text)).systems()] == list(SYSTEMS)


def test_baselines_have_settings_of_their_own(tmp_path: Path) -> None:
    text = "[logistic]\npenalties = [0.5]\n[linear_svm]\nclass_weight = 'balanced'\n"
    settings = load_settings(written(tmp_path, text))
    assert settings.logistic.penalties == (0.5,)
    assert settings.linear_svm == Options().linear_svm
    with pytest.raises(ConfigError, match=r"unknown setting 'penalty' under.* 'penalties'"):
        load_settings(written(tmp_path, "[logistic]\npenalty = 1.0\n"))
    with pytest.raises(ConfigError, match=r"logistic.penalties"):
        load_settings(written(tmp_path, "[logistic]\npenalties = []\n"))


def test_train_shares_are_shares_with_all_among_them(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, "")).plan().train_shares == (1.0,)
    text = "[evaluate]\ntrain_shares = "
    asked = load_settings(written(tmp_path, f"{text}[0.1, 0.25, 0.5, 1.0]\n")).plan()
    assert asked.train_shares == (0.1, 0.25, 0.5, 1.0)
    for wrong, why in (
        ("[0.1, 0.5]", r"1.0, all of the training data, must be included"),
        ("[0.0, 1.0]", "greater than 0"),
        ("[1.0, 1.5]", "less than or equal to 1"),
        ("[1.0, 1.0]", "repeated; state each once"),
        ("[]", "at least 1"),
    ):
        with pytest.raises(ConfigError, match=why):
            load_settings(written(tmp_path, f"{text}{wrong}\n"))


def test_feature_sets_are_those_that_systems_need(tmp_path: Path) -> None:
    text = '[evaluate]\nsystems = ["svm", "compare-svm", "egemaps-svm", "compare-logistic"]\n'
    assert load_settings(written(tmp_path, text)).feature_sets() == ("compare", "egemaps")


def test_a_variant_that_all_systems_are_already_is_refused(tmp_path: Path) -> None:
    text = '[evaluate]\nsystems = ["lstm-mtl", "lstm-mtl-extended"]\n[elm]\nsubtasks = true\n'
    with pytest.raises(ConfigError, match="lstm-mtl-extended is lstm-mtl with these settings"):
        load_settings(written(tmp_path, text)).plan()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("egemap-svm", "egemaps-svm"),
        ("lstm-mtl-grad", "lstm-mtl-gradnorm"),
        ("majorty", "majority"),
        ("logistics", "logistic"),
    ],
)
def test_a_misspelt_system_is_told_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown system {wrong!r}; did you mean '{right}'"):
        find_system(wrong)


@pytest.mark.parametrize("name", ["open_baselines.toml", "open_variants.toml", "open_amounts.toml"])
def test_the_settings_that_are_handed_on_are_sound_and_train_the_same_nets(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXAFFECT_CORPORA", "/data")
    usual, other = (load_settings(CONFIGS / each).plan() for each in ("open.toml", name))
    shared = set(usual.systems) & set(other.systems)
    assert {"dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl"} <= {s.name for s in shared}
    assert name != "open_baselines.toml" or shared == set(usual.systems)
    for system in shared:
        assert system.settings(usual.options) == system.settings(other.options)
    assert (usual.seeds, usual.dev, usual.split_seed) == (other.seeds, other.dev, other.split_seed)
