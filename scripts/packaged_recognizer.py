"""The recognizers that come with the package: which systems they are, and how they are trained.

    python scripts/packaged_recognizer.py choose fast      # dev scores of the candidates
    python scripts/packaged_recognizer.py train accurate   # src/voxaffect/recognizer/packaged
    python scripts/packaged_recognizer.py check fast       # trained again, is it the same?

VOXAFFECT_CORPORA is the folder of the corpora that configs/packaged_*.toml name. `choose` trains
each candidate on several splits and scores it on the speakers who were held out as dev, who also
chose its epoch and its temperature; no test set is read. The same weights are promised for the
libraries that the recognizer names, on any x86-64 processor with AVX2: see `ARITHMETIC`.
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
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from voxaffect.recognizer.packaged import ACCURATE, FAST, FOLDERS
from voxaffect.recognizer.serialization import HEADER, Header, read_artifact
from voxaffect.taxonomy import EMOTION

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Recipe:
    """How one of the packaged recognizers is made."""

    chosen: str  # system
    candidates: tuple[str, ...]
    seeds: range  # of the nets of which one is packaged; a machine does not depend on it
    config: Path
    scores: Path  # table of the candidates' dev scores
    folder: Path  # in the package

    @classmethod
    def of(cls, name: str, chosen: str, candidates: tuple[str, ...], seeds: range) -> Recipe:
        """The recipe of a packaged recognizer's name."""
        results = ROOT / "docs" / "results" / f"packaged_{name}"
        config = ROOT / "configs" / f"packaged_{name}.toml"
        return cls(chosen, candidates, seeds, config, results / "dev_scores.csv", FOLDERS[name])


RECIPES = {
    recipe[0]: Recipe.of(*recipe)
    for recipe in (
        (
            ACCURATE,
            "mean-logistic",
            ("mean-logistic", "dnn-stl", "dnn-mtl", "dnn-mean", "mean-logistic+dnn-mean"),
            range(1),
        ),
        (FAST, "dnn-mean", ("dnn-mean", "dnn-stl", "dnn-mtl", "mean-logistic"), range(3)),
    )
}
"""LSTMs are not among the candidates: on dev sets each of them is behind its DNN."""

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

Score = tuple[int, int, float]


def choose(recipe: Recipe) -> None:
    """Train every candidate on every split; print its dev scores and keep them in a table."""
    settings = load_settings(recipe.config)
    dataset = prepare_corpora(settings, n_cores()).dataset
    keep_freed_memory()
    splits = [split(dataset, settings, seed) for seed in SPLITS]
    recipe.scores.parent.mkdir(parents=True, exist_ok=True)
    with recipe.scores.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("system", "split", "dev utterances", "UA"))
        for name in recipe.candidates:
            found = list(dev_scores(name, settings, splits))
            table.writerows((name, *score) for score in found)
            file.flush()
            console().print(f"{name}: UA {np.mean([ua for _, _, ua in found]):.3f}")


def split(dataset: Dataset, settings: Settings, seed: int) -> tuple[Examples, Examples]:
    """Train and dev set of one training; the seed decides which speakers are dev."""
    train_ids, dev_ids = hold_out_dev(
        dataset.utterances.values(), dataset.labels(), seed, settings.evaluate.dev
    )
    return dataset.training(train_ids), dataset.examples(dev_ids)


def dev_scores(
    name: str, settings: Settings, splits: Sequence[tuple[Examples, Examples]]
) -> Iterator[Score]:
    """Split, dev utterances, UA of the answers.

    A machine whose penalty is chosen on what is left out of training would train on dev, too, so
    that a tenth of the training set stands in for it.
    """
    for seed, (train, dev) in enumerate(splits):
        classifier = find_system(name).classifier(settings)
        classifier.fit(train, _stand_in(train, seed), seed=seed)
        answers = classifier.answer(dev.frames).probabilities.argmax(axis=1)
        matrix = confusion(dev.targets[EMOTION.name], answers, EMOTION.n_classes)
        yield seed, len(dev), round(float(unweighted_accuracy(matrix)), 4)


def _stand_in(train: Examples, seed: int) -> Examples:
    """A tenth of a training set, which stops and calibrates."""
    rows = np.random.default_rng(seed).permutation(len(train))[: len(train) // 10]
    return train.select(np.sort(rows))


def trained(recipe: Recipe, folder: Path) -> Path:
    """Train the chosen system below a folder; the recognizer's own folder.

    Of nets that differ in their seed alone the dev set takes one, as it takes the epoch of each.
    """
    config = folder / "packaged.toml"
    settings = tomllib.loads(recipe.config.read_text(encoding="utf-8"))
    own_store = f"store = {json.dumps(str(folder / 'features'))}\n"
    text = recipe.config.read_text(encoding="utf-8")
    if "features" in settings and "[features]\n" in text:
        text = text.replace("[features]\n", f"[features]\n{own_store}", 1)
    else:
        text = f"{text}\n[features]\n{own_store}"
    config.write_text(text, encoding="utf-8")
    return max(
        [trained_once(recipe, config, folder / str(seed), seed) for seed in recipe.seeds],
        key=dev_ua,
    )


def trained_once(recipe: Recipe, config: Path, out: Path, seed: int) -> Path:
    """Train with one seed into a folder, by `ARITHMETIC`."""
    command = ("train", str(config), "--system", recipe.chosen, "--half", "--out", str(out))
    subprocess.run(
        [sys.executable, "-m", "voxaffect", *command, "--seed", str(seed)],
        env={**os.environ, **ARITHMETIC},
        check=True,
    )
    return out


def dev_ua(folder: Path) -> float:
    """UA on its dev set of a recognizer as it was kept."""
    card = read_artifact(folder)[0]["card"]
    history = card.get("history")
    ua: float = history["epochs"][history["best"] - 1]["dev_ua"] if history else card["dev_ua"]
    return ua


def renew(recipe: Recipe, folder: Path) -> None:
    """Put a recognizer in the place of the one that the package holds."""
    header = read_artifact(folder)[0]
    recipe.folder.mkdir(parents=True, exist_ok=True)
    for old in recipe.folder.glob("weights-*.safetensors"):
        old.unlink()
    for name in (HEADER, header["weights"]):
        shutil.copyfile(folder / name, recipe.folder / name)
        console().print(f"{recipe.folder / name}: {(recipe.folder / name).stat().st_size:,} bytes")


def check(recipe: Recipe, folder: Path) -> None:
    """Refuse a recognizer that differs from the one that the package holds in more than its makers.

    The headers' digests of the weights, which reading has checked, stand for these.
    """
    (again, makers), (packaged, then) = stated(folder), stated(recipe.folder)
    other = [key for key in {**again, **packaged} if again.get(key) != packaged.get(key)]
    if other:
        raise SystemExit(f"not the same again: {', '.join(other)}")
    console().print("the same again: settings, and the weights to the byte")
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
    parser.add_argument("which", choices=tuple(RECIPES))
    given = parser.parse_args()
    recipe = RECIPES[given.which]
    if given.what == "choose":
        choose(recipe)
        return
    with tempfile.TemporaryDirectory() as folder:
        {"train": renew, "check": check}[given.what](recipe, trained(recipe, Path(folder)))


if __name__ == "__main__":
    main()
