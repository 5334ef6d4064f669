"""Mutated files and requests by the service's own description: no 500, no hang."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from benchmarks._mutations import fuzz_decoder, mutated, seeds
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from tests.serving.running import running
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving.settings import Limits, ServingSettings

EXPECTED = {200, 413, 422}


def test_mutated_files_are_decoded_or_refused_with_an_error() -> None:
    found = fuzz_decoder(150, seed=7)
    assert found["decoded"] + found["refused"] == 150
    assert found["slower than 5 s"] == 0
    assert found["refused"] > 30


def test_mutated_files_are_predicted_or_refused(client: TestClient) -> None:
    rng, originals = np.random.default_rng(8), seeds()
    for i in range(60):
        data = mutated(rng, originals)
        how = {"content": data} if i % 2 else {"files": {"file": data}}
        response = client.post("/v1/predict", params={"timeline": i % 3 == 0}, **how)
        assert response.status_code in EXPECTED, data[:200]


@pytest.mark.hypothesis
def test_responses_match_the_openapi_description(recognizer: TrainedRecognizer) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis")
    limits = Limits(rate_per_s=1e6, burst=10**6)
    with running(recognizer, ServingSettings(port=0, limits=limits)) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        operations = [operation.ok() for operation in schema.get_all_operations()]
        assert len(operations) == 5
        for operation in operations:
            _try(operation)


def _try(operation: Any) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as known

    checks = [
        not_a_server_error,
        known.status_code_conformance,
        known.content_type_conformance,
        known.response_schema_conformance,
    ]

    @settings(
        max_examples=settings.default.max_examples // 25,  # type: ignore[union-attr]
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def tried(case: Any) -> None:
        case.call_and_validate(checks=checks)

    tried()
