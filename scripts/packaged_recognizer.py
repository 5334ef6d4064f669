"""The recognizer that comes with the package: which system it is, and how it is trained again.

    python scripts/packaged_recognizer.py choose    # dev scores of the candidates: 15 minutes
    python scripts/packaged_recognizer.py train     # src/voxaffect/recognizer/packaged: minutes
    python scripts/packaged_recognizer.py check     # trained again, is it the same?

VOXAFFECT_CORPORA is the folder of the corpora that configs/packaged.toml names. `choose` trains
each candidate on several splits and scores it on the speakers who were held out as dev, who also
chose its epoch and its temperature; no test set is read. The same weights are promised for the
libraries that the recognizer names, on any x86-64 processor with AVX2: see `ARITHMETIC`. (The
packaged weights were trained before training moved to PyTorch's own layers, whose random numbers
differ: until it is trained again, `check` reports other weights.)
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from voxaffect.cli.console import console
from voxaffect.cli.experiment import prepare_corpora
from voxaffect.config.file import load_settings
from voxaffect.config.settings import Settings, find_system
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.metrics import confusion, unweighted_accuracy
from voxaffect.evaluation.splits.folds import hold_out_dev
from voxaffect.model.data import Examples
from voxaffect.parallel.processes import keep_freed_memory, n_cores
from voxaffect.recognizer.packaged import PACKAGED
from voxaffect.recognizer.serialization import HEADER, Header, read_artifact
from voxaffect.systems.classifier import NetClassifier
from voxaffect.systems.systems import NetSystem
from voxaffect.taxonomy import EMOTION

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "packaged.toml"
SCORES = ROOT / "docs" / "results" / "packaged" / "dev_scores.csv"
CANDIDATES = ("dnn-stl", "dnn-mtl", "dnn-gender", "dnn-naturalness")
"""LSTMs are not among them: the dev sets of docs/results/open put each of them behind its DNN."""

CHOSEN = "dnn-mtl"
SEEDS = range(3)
"""Of the nets of which one is packaged."""

SPLITS = range(3)
"""Seeds of the splits, and of the nets trained on them."""

ARITHMETIC = {
    "OMP_NUM_THREADS": "1",  # more of them add up in another order
    "MKL_CBWR": "COMPATIBLE",  # one way to multiply and transform, Intel's processor or not
    "ATEN_CPU_CAPABILITY": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_ENABLE_CPU_FEATURES": "X86_V3",
}
"""What libraries would choose by the processor at hand, so that last bits would hang on it."""

Score = tuple[int, int, int, float, float]


def choose() -> None:
    """Train every candidate on every split; print its dev scores and keep them in a table."""
    settings = load_settings(CONFIG)
    dataset = prepare_corpora(settings, n_cores()).dataset
    keep_freed_memory()
    splits = [split(dataset, settings, seed) for seed in SPLITS]
    SCORES.parent.mkdir(parents=True, exist_ok=True)
    with SCORES.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("system", "split", "dev utterances", "epoch", "UA of the net", "UA"))
        for name in CANDIDATES:
            found = list(dev_scores(name, settings, splits))
            table.writerows((name, *score) for score in found)
            file.flush()
            net_ua, ua = np.mean([score[-2:] for score in found], axis=0)
            console().print(f"{name}: UA {ua:.3f} (net alone {net_ua:.3f})")


def split(dataset: Dataset, settings: Settings, seed: int) -> tuple[Examples, Examples]:
    """Train and dev set of one net; the seed decides which speakers are dev."""
    train_ids, dev_ids = hold_out_dev(
        dataset.utterances.values(), dataset.labels(), seed, settings.evaluate.dev
    )
    return dataset.examples(train_ids), dataset.examples(dev_ids)


def dev_scores(
    name: str, settings: Settings, splits: Sequence[tuple[Examples, Examples]]
) -> Iterator[Score]:
    """Split, dev utterances, epoch, UA by the net's mean posteriors, UA of the answers."""
    system = find_system(name)
    assert isinstance(system, NetSystem)
    for seed, (train, dev) in enumerate(splits):
        classifier = NetClassifier(system.net_settings(settings))
        classifier.fit(train, dev, seed=seed)
        assert classifier.history_ is not None
        best = classifier.history_.best
        answers = classifier.answer(dev.frames).probabilities.argmax(axis=1)
        matrix = confusion(dev.targets[EMOTION.name], answers, EMOTION.n_classes)
        net_ua = classifier.history_.epochs[best - 1].dev_ua
        yield seed, len(dev), best, round(net_ua, 4), round(float(unweighted_accuracy(matrix)), 4)


def trained(folder: Path) -> Path:
    """Train the chosen system below a folder; the recognizer's own folder.

    Of nets that differ in their seed alone the dev set takes one, as it takes the epoch of each.
    """
    config = folder / "packaged.toml"
    own_store = f"\n[features]\nstore = {json.dumps(str(folder / 'features'))}\n"
    config.write_text(CONFIG.read_text(encoding="utf-8") + own_store, encoding="utf-8")
    return max([trained_once(config, folder / str(seed), seed) for seed in SEEDS], key=dev_ua)


def trained_once(config: Path, out: Path, seed: int) -> Path:
    """Train with one seed into a folder, by `ARITHMETIC`."""
    command = ("train", str(config), "--system", CHOSEN, "--half", "--out", str(out))
    subprocess.run(
        [sys.executable, "-m", "voxaffect", *command, "--seed", str(seed)],
        env={**os.environ, **ARITHMETIC},
        check=True,
    )
    return out


def dev_ua(folder: Path) -> float:
    """UA that a recognizer's net had on its dev set in the epoch that was kept."""
    history = read_artifact(folder)[0]["card"]["history"]
    ua: float = history["epochs"][history["best"] - 1]["dev_ua"]
    return ua


def renew(folder: Path) -> None:
    """Put a recognizer in the place of the one that the package holds."""
    header = read_artifact(folder)[0]
    for old in PACKAGED.glob("weights-*.safetensors"):
        old.unlink()
    for name in (HEADER, header["weights"]):
        shutil.copyfile(folder / name, PACKAGED / name)
        console().print(f"{PACKAGED / name}: {(PACKAGED / name).stat().st_size:,} bytes")


def check(folder: Path) -> None:
    """Refuse a recognizer that differs from the one that the package holds in more than its makers.

    The headers' digests of the weights, which reading has checked, stand for these.
    """
    (again, makers), (packaged, then) = stated(folder), stated(PACKAGED)
    other = [key for key in {**again, **packaged} if again.get(key) != packaged.get(key)]
    if other:
        raise SystemExit(f"not the same again: {', '.join(other)}")
    console().print("the same again: settings, epochs, and the weights to the byte")
    for name, version in makers.items():
        if version != then.get(name):
            console().print(f"made with {name} {version}, where it was {then.get(name)}")


def stated(folder: Path) -> tuple[Header, dict[str, object]]:
    """What a header says but for its own digest, and what made it."""
    header = read_artifact(folder)[0]
    del header["digest"]
    return header, header["card"].pop("made_with")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=("choose", "train", "check"))
    given = parser.parse_args()
    if given.what == "choose":
        choose()
        return
    with tempfile.TemporaryDirectory() as folder:
        {"train": renew, "check": check}[given.what](trained(Path(folder)))


if __name__ == "__main__":
    main()
