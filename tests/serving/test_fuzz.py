"""Mutated files and requests by the service's own description: no 500, no hang."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks._mutations import fuzz_decoder, mutated, seeds
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from tests.serving.conftest import Open
from voxaffect.serving.settings import Limits

ANSWERS = {200, 413, 422}


def test_mutated_files_are_decoded_or_refused_by_name() -> None:
    found = fuzz_decoder(150, seed=7)
    assert found["decoded"] + found["refused"] == 150
    assert found["slower than 5 s"] == 0
    assert found["refused"] > 30


def test_mutated_files_are_answered_or_refused(client: TestClient) -> None:
    rng, originals = np.random.default_rng(8), seeds()
    for i in range(60):
        data = mutated(rng, originals)
        how = {"content": data} if i % 2 else {"files": {"file": data}}
        response = client.post("/v1/predict", params={"timeline": i % 3 == 0}, **how)  # type: ignore[arg-type]
        assert response.status_code in ANSWERS, data[:200]


def test_requests_by_the_description_get_what_it_describes(serve: Open) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis")
    client = serve(Limits(rate_per_s=1e6, burst=10**6))
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", client.app, headers={"host": "localhost"}
    )
    for operation in schema.get_all_operations():
        _try(operation.ok(), client)


def _try(operation: object, client: TestClient) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]

    @settings(
        max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())  # type: ignore[attr-defined]
    def tried(case: object) -> None:
        case.call_and_validate(  # type: ignore[attr-defined]
            session=client, base_url="http://localhost", checks=checks
        )

    tried()
