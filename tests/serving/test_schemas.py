"""The OpenAPI schemas are those of `Prediction.to_dict`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_type_hints

import numpy as np
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from voxaffect.audio.quality import QualityWarning
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import (
    ErrorDict,
    Prediction,
    PredictionDict,
    no_speech,
)
from voxaffect.serving.schemas import ErrorDetail, PredictionResponse

WHOLE = Prediction(
    "a.wav",
    "happy",
    {"neutral": 0.2, "happy": 0.8},
    {"gender": {"male": 0.3, "female": 0.7}},
    1.5,
    (QualityWarning("short", "0.3 s of speech"),),
    0.5,
    posteriors=np.full((2, 2), 0.5, np.float32),
    times_s=np.array([0.01, 0.02]),
)
SEGMENT = replace(WHOLE, start_s=1.0, end_s=2.5, is_final=True)
PREDICTIONS = {
    "whole": WHOLE,
    "without novelty": replace(WHOLE, novelty=None, warnings=()),
    "segment": SEGMENT,
    "interim": replace(SEGMENT, is_final=False),
    "interim without speech": Prediction("live", start_s=0.0, end_s=0.1, is_final=False),
    "row of a table": replace(WHOLE, row={"path": "a.wav", "start_s": "1.0", "end_s": ""}),
    "unsure": WHOLE.abstained(0.9),
    "no speech": no_speech("a.wav", 1.5),
    "with segments": replace(WHOLE, segments=(SEGMENT, SEGMENT)),
}
FAILED = Prediction("a.wav", error=AudioError("a.wav: is silent"), start_s=0.0, end_s=1.0)


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("kind", PREDICTIONS)
def test_predictions_match_the_schema_exactly(kind: str, frames: bool) -> None:
    plain = json.loads(json.dumps(PREDICTIONS[kind].to_dict(frames=frames)))
    parsed = PredictionResponse.model_validate(plain, strict=True)
    assert json.loads(parsed.model_dump_json(exclude_unset=True)) == plain


def test_every_key_of_the_schema_occurs_and_no_other() -> None:
    all_of_them = [one.to_dict(frames=True) for one in PREDICTIONS.values()]
    described = set(get_type_hints(PredictionDict))
    assert set().union(*all_of_them) == described == set(PredictionResponse.model_fields)
    required = {name for name, f in PredictionResponse.model_fields.items() if f.is_required()}
    assert set.intersection(*map(set, all_of_them)) == required


def test_errors_match_the_schema() -> None:
    plain = replace(FAILED, is_final=True).to_dict()
    assert set(plain) == {"file", "start_s", "end_s", "is_final", "error"}
    assert set(plain["error"]) == set(get_type_hints(ErrorDict))
    ErrorDetail.model_validate(plain["error"], strict=True)
    with pytest.raises(ValidationError):
        PredictionResponse.model_validate(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [("emotion", 1), ("duration_s", "1.5"), ("probabilities", {"happy": "much"}), ("new", 1)],
)
def test_other_types_and_keys_are_invalid(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        PredictionResponse.model_validate({**WHOLE.to_dict(), name: value}, strict=True)


def test_the_openapi_description_has_the_schemas(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    prediction = schemas["PredictionResponse"]
    assert set(prediction["properties"]) == set(get_type_hints(PredictionDict))
    assert {"file", "emotion", "probabilities", "warnings"} <= set(prediction["required"])
    utterances = schemas["TimelineResponse"]["properties"]["utterances"]
    assert utterances["items"] == {"$ref": "#/components/schemas/PredictionResponse"}
    assert schemas["ErrorResponse"]["properties"]["error"]["$ref"].endswith("/ErrorDetail")
