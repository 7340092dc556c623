"""The committed OpenAPI file is that of the code, and made-up requests never break the server."""

import json
from pathlib import Path
from typing import Any

import fastapi
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REPOSITORY = Path(__file__).resolve().parents[2]
FILE = REPOSITORY / "docs" / "openapi.json"


def operations(document: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the parameters by route."""
    return {
        f"{method} {path}": sorted(each["name"] for each in operation.get("parameters", []))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_committed_file_is_that_of_the_code(readonly: TestClient) -> None:
    stored, made = json.loads(FILE.read_text()), readonly.get("/openapi.json").json()
    assert operations(stored) == operations(made), (
        "run  python -m likewise.serve.openapi_file docs/openapi.json"
    )
    assert (
        stored["components"]["schemas"]["Search"]["properties"]
        == made["components"]["schemas"]["Search"]["properties"]
    )
    if stored["x-made-with"] == f"fastapi {fastapi.__version__}":
        assert stored == made, "run  python -m likewise.serve.openapi_file docs/openapi.json"


def test_every_reference_of_the_file_leads_somewhere() -> None:
    text = FILE.read_text()
    document = json.loads(text)
    for part in text.split('"$ref": "#/components/schemas/')[1:]:
        assert part.split('"')[0] in document["components"]["schemas"]


def test_made_up_requests_never_break_the_server(readonly: TestClient) -> None:
    schema = schemathesis.openapi.from_dict(json.loads(FILE.read_text()))
    tried = []
    readers = [each.ok() for each in schema.get_all_operations()]
    readers = [each for each in readers if each.method.upper() == "GET" or "search" in each.path]
    assert len(readers) > 12

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def requests(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(readers))
        case = data.draw(operation.as_strategy())
        sent = case.as_transport_kwargs(base_url="http://localhost")
        sent.pop("cookies", None)
        if "files" in sent or isinstance(sent.get("data"), dict):  # forms are for test_under_load
            sent = {
                "method": sent["method"],
                "url": sent["url"],
                "json": case.body if isinstance(case.body, dict) else {},
            }
        headers = {
            name: value for name, value in (sent.pop("headers", None) or {}).items() if value.isascii()
        }
        answer = readonly.request(headers=headers, **sent)
        tried.append(answer.status_code)
        overloaded = (
            answer.status_code == 503 and "retry-after" in answer.headers
        )  # the first UMAP compiles for long
        assert answer.status_code < 500 or overloaded, (sent, answer.text)
        if answer.status_code >= 400 and sent["method"] != "HEAD":
            assert set(answer.json()) == {"type", "title", "status", "detail"}, answer.text

    requests()
    assert len(tried) >= 150 and 200 in tried
