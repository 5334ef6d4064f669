"""Frame features on disk: computed once for a content and settings, then memory-mapped.

A key is made of the file's content and the segment's borders; extractor settings and level name
the folder. So features survive a moved corpus, and a changed setting never meets stale ones.
Utterances are computed in chunks, and every chunk becomes a shard as soon as it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import TARGET_RMS
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import FeatureError
from voxaffect.features.chunks import ChunkReport, chunks, compute_chunk
from voxaffect.features.file_digests import FileDigests
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.keys import key_of, stack_keys
from voxaffect.features.shards import SUFFIX, Shard, ShardIndex
from voxaffect.files import digest

FORMAT = 1
"""Version of what is stored beside the values; a new one begins new folders."""

Progress = Callable[[int, float], None]


class StoredFeatures(Mapping[str, NDArray[np.float32]]):
    """Frames by utterance id, float32 (T, F), read-only views of memory-mapped shards."""

    def __init__(self, index: ShardIndex, records: Mapping[str, int]) -> None:
        """Args: the index, and the record of every utterance id."""
        self._index = index
        self._records = dict(records)
        self._mapped: dict[int, NDArray[np.float32]] = {}

    def __getitem__(self, utterance_id: str) -> NDArray[np.float32]:
        place = self._records[utterance_id]
        number, record = int(self._index.shard_of[place]), self._index.records[place]
        if number not in self._mapped:
            self._mapped[number] = self._index.shards[number].values()
        return self._mapped[number][record["row"] : record["row"] + record["n_frames"]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self._records  # the inherited test would map the values

    def __getstate__(self) -> dict[str, object]:
        """A copy in another process maps the shards itself."""
        return {**self.__dict__, "_mapped": {}}

    @property
    def audio_s(self) -> float:
        """Seconds of audio behind all utterances."""
        places = np.fromiter(self._records.values(), np.intp, len(self._records))
        return float(self._index.records["seconds"][places].sum())


@dataclass(frozen=True)
class Extraction:
    """What came of asking a store for utterances.

    Args:
        features: frames of all utterances that have some.
        refused: utterances whose recording cannot be used, and why.
        damaged: shards that were found damaged, removed and computed again.
    """

    features: StoredFeatures
    refused: tuple[Problem, ...]
    damaged: tuple[Problem, ...]

    @property
    def audio_s(self) -> float:
        """Seconds of audio behind the features."""
        return self.features.audio_s


@dataclass(frozen=True)
class FeatureStore:
    """Features of any corpora under one folder.

    Args:
        root: the folder; it is made when there is something to store.
        extractor: what computes the features.
    """

    root: Path
    extractor: FrameExtractor

    @property
    def folder(self) -> Path:
        """Where features with these settings lie."""
        settings = {
            "format": FORMAT,
            "level_rms": TARGET_RMS,
            "names": list(self.extractor.names),
            "extractor": dict(self.extractor.settings()),
        }
        return self.root / digest(settings)

    def extract(
        self, utterances: Sequence[Utterance], *, n_jobs: int = 1, progress: Progress | None = None
    ) -> Extraction:
        """Features of utterances: those stored are mapped, the others computed and stored.

        Args:
            utterances: their ids must differ.
            n_jobs: processes that compute at once, -1 for all cores; where they run is up to
                joblib's backend.
            progress: told how many utterances are done, and the seconds of audio behind them.

        Raises:
            FeatureError: two utterances share an id, or the folder cannot be written.
        """
        _check_ids(utterances)
        n_jobs = joblib.effective_n_jobs(n_jobs)
        keys, refused = self._keys(utterances, n_jobs)
        index, damaged = self._open(set(keys.values()))
        missing = {keys[u.id]: u for u in utterances if u.id in keys}
        for key in _stored(index, keys.values()):
            missing.pop(key, None)
        for report in self._compute(missing, n_jobs, progress):
            refused |= {id_: report.refused[k] for id_, k in keys.items() if k in report.refused}
        index = self._open(set())[0] if missing else index
        return _extraction(index, keys, refused, damaged)
