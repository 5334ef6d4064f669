"""Host names, origins, tokens, and the headers of every response."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.serving.conftest import Open
from tests.serving.test_prediction import fault
from voxaffect.errors import ServingError
from voxaffect.serving.settings import Limits, ServingSettings, is_loopback

TOKEN = "0123456789abcdef"  # noqa: S105 of the tests


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:80", "LocalHost:1"])
def test_local_host_names_are_accepted(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "a:b:c", "[::"])
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    assert fault(client.get("/healthz", headers={"host": host})) == (421, "wrong_host")


def test_a_host_name_can_be_allowed(serve: Open) -> None:
    client = serve(hosts=("voice.example",))
    assert client.get("/healthz", headers={"host": "voice.example"}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost", 200), ("http://evil.example", 403), ("null", 403), ("", 403)],
)
def test_cross_origin_requests_are_blocked(client: TestClient, origin: str, status: int) -> None:
    response = client.get("/v1/model", headers={"origin": origin})
    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers


def test_an_origin_can_be_allowed(serve: Open) -> None:
    client = serve(origins=("https://shop.example",), token=TOKEN)
    asks = {"origin": "https://shop.example", "authorization": f"Bearer {TOKEN}"}
    response = client.get("/v1/model", headers=asks)
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    asks = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    assert client.options("/v1/predict", headers=asks).status_code == 200


@pytest.mark.parametrize(
    "shown", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"]
)
def test_without_the_token_requests_are_refused(serve: Open, shown: str | None) -> None:
    client = serve(token=TOKEN)
    headers = {} if shown is None else {b"authorization": shown.encode("latin-1")}
    for path in ("/v1/model", "/metrics"):
        response = client.get(path, headers=headers)
        assert fault(response) == (401, "no_token")
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code == 200
    good = client.get("/v1/model", headers={"authorization": f"Bearer {TOKEN}"})
    assert good.status_code == 200


def test_every_response_has_the_headers(client: TestClient) -> None:
    for path in ("/", "/page/page.js", "/healthz", "/nothing", "/v1/predict", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "unsafe" not in headers["content-security-policy"]


def test_the_page_s_files_and_no_others_are_served(client: TestClient) -> None:
    index = client.get("/")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert "://" not in index.text
    assert client.get("/", headers={"if-none-match": index.headers["etag"]}).status_code == 304
    assert "--happy: #e69f00" in client.get("/page/colors.css").text
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd", "/docs", "/redoc"):
        assert client.get(path).status_code == 404


def test_loopback_names() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "example.org", "10.0.0.1", "")))  # noqa: S104


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70_000}, "^70000 is not a valid port"),
        ({"token": "short"}, "5 characters"),
        ({"token": "0123456789 abcdé"}, "not printable ASCII"),
        ({"origins": ("shop.example",)}, "is not a valid origin"),
        ({"origins": ("https://shop.example/path",)}, "is not a valid origin"),
        ({"n_workers": 0}, "0 workers"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ServingError, match=message):
        ServingSettings(**settings)  # type: ignore[arg-type]
    assert "0123456789abcdef" not in repr(ServingSettings(token=TOKEN))


@pytest.mark.parametrize("name", ["max_bytes", "answer_s", "rate_per_s", "burst"])
def test_limits_out_of_range_are_refused(name: str) -> None:
    for value in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ServingError, match=name):
            Limits(**{name: value})  # type: ignore[arg-type]
