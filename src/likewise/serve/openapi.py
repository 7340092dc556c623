"""The OpenAPI description of the API."""

from typing import Any

import fastapi
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from likewise.serve.problems import PROBLEM_TYPE
from likewise.serve.requests import COMPONENTS

_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457); `detail` is the message that the command line prints.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_KEY = {"bearer": {"type": "http", "scheme": "bearer"}}


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of an app, with the bodies, problems and keys that its routes share."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes,
            openapi_version="3.1.0",
        )  # fmt: skip
        components = made.setdefault("components", {})
        components.setdefault("schemas", {}).update(COMPONENTS)
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        components["schemas"]["Problem"] = _PROBLEM
        components["securitySchemes"] = _KEY
        made["security"] = [{"bearer": []}, {}]
        content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for methods in made["paths"].values():
            for operation in methods.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {"description": "Error", "content": content}
        made["x-made-with"] = f"fastapi {fastapi.__version__}"
        app.openapi_schema = made
    return app.openapi_schema
