"""The recogniser that comes with the package: which system it is, and how it is trained again.

    python scripts/packaged_recogniser.py choose    # dev scores of the candidates: an hour
    python scripts/packaged_recogniser.py train     # into src/voxaffect/packaged: some minutes
    python scripts/packaged_recogniser.py check     # trained again, is it the same to the byte?

VOXAFFECT_CORPORA is the folder of the corpora that configs/packaged.toml names. `choose` trains
each candidate on several splits and scores it on the speakers who were held out as dev, who also
chose its epoch and its temperature; no test set is read. The same bytes are promised for the
machine, libraries and number of threads that the recogniser names.
"""

from __future__ import annotations

import argparse
import csv
import filecmp
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from voxaffect.artefact import HEADER
from voxaffect.classifier import Material, NetClassifier, fit_together
from voxaffect.commands.console import console
from voxaffect.commands.preparation import prepare_corpora
from voxaffect.commands.training import train
from voxaffect.config.file import load_settings
from voxaffect.config.settings import Settings, find_system
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.measures.metrics import confusion, unweighted_accuracy
from voxaffect.evaluation.protocol.folds import hold_out_dev
from voxaffect.memory import keep_freed_memory
from voxaffect.packaged import PACKAGED
from voxaffect.parallel.cores import n_cores
from voxaffect.systems import NetSystem
from voxaffect.taxonomy import EMOTION

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "packaged.toml"
SCORES = ROOT / "docs" / "results" / "packaged" / "dev_scores.csv"
CANDIDATES = ("dnn-stl", "dnn-mtl", "dnn-gender", "dnn-naturalness")
"""LSTMs are not among them: the dev sets of docs/results/open put each of them behind its DNN."""

CHOSEN = "dnn-mtl"
SPLITS = range(3)
"""Seeds of the splits; a candidate's nets of all of them train together."""

Score = tuple[int, int, int, float, float]


def choose() -> None:
    """Train every candidate on every split, tell its dev scores and keep them in a table."""
    settings = load_settings(CONFIG)
    dataset = prepare_corpora(settings, n_cores()).dataset
    keep_freed_memory()
    materials = [material(dataset, settings, seed) for seed in SPLITS]
    SCORES.parent.mkdir(parents=True, exist_ok=True)
    with SCORES.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("system", "split", "dev utterances", "epoch", "UA of the net", "UA"))
        for name in CANDIDATES:
            found = list(dev_scores(name, settings, materials))
            table.writerows((name, *score) for score in found)
            file.flush()
            net_ua, ua = np.mean([score[-2:] for score in found], axis=0)
            console.print(f"{name}: UA {ua:.3f} (net alone {net_ua:.3f})")


def material(dataset: Dataset, settings: Settings, seed: int) -> Material:
    """What one net learns from and is stopped by; the seed decides who is dev."""
    train_ids, dev_ids = hold_out_dev(
        dataset.utterances.values(), dataset.labels(), seed, settings.evaluate.dev
    )
    return Material(dataset.examples(train_ids), dataset.examples(dev_ids), seed)


def dev_scores(name: str, settings: Settings, materials: Sequence[Material]) -> Iterator[Score]:
    """Split, dev utterances, epoch, UA by the net's mean posteriors, UA of the answers."""
    system = find_system(name)
    assert isinstance(system, NetSystem)
    classifiers = [NetClassifier(system.net_settings(settings.options())) for _ in materials]
    for failure in fit_together(classifiers, materials):
        if failure is not None:
            raise failure
    for classifier, (dev, seed) in zip(
        classifiers, ((m.dev, m.seed) for m in materials), strict=True
    ):
        assert classifier.history_ is not None
        best = classifier.history_.best
        answers = classifier.answer(dev.frames).probabilities.argmax(axis=1)
        matrix = confusion(dev.targets[EMOTION.name], answers, EMOTION.n_classes)
        net_ua = classifier.history_.epochs[best - 1].dev_ua
        yield seed, len(dev), best, round(net_ua, 4), round(unweighted_accuracy(matrix), 4)


def trained(folder: Path) -> list[Path]:
    """Train the chosen system into a folder; the files of the recogniser.

    On one thread, whatever the machine has: sums of more end in other last bits.
    """
    torch.set_num_threads(1)
    with threadpool_limits(1):
        train(CONFIG, folder, system_name=CHOSEN, seed=0, n_jobs=0, half=True)
    return [folder / HEADER, *folder.glob("weights-*.safetensors")]


def renew(files: Sequence[Path]) -> None:
    """Put files in the place of those that the package holds."""
    for old in PACKAGED.glob("weights-*.safetensors"):
        old.unlink()
    for file in files:
        shutil.copyfile(file, PACKAGED / file.name)
        console.print(f"{PACKAGED / file.name}: {file.stat().st_size:,} bytes")


def check(files: Sequence[Path]) -> None:
    """Refuse files that differ from those that the package holds."""
    _, other, missing = filecmp.cmpfiles(
        files[0].parent, PACKAGED, [file.name for file in files], shallow=False
    )
    if other or missing:
        raise SystemExit(f"not the same again: {', '.join(other + missing)}")
    console.print("the same again, to the byte")


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
