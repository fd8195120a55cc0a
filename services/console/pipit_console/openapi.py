"""`python -m pipit_console.openapi FILE`: what the API takes and gives, as OpenAPI 3.1. The page has its types of it.

Fields of answers are always there, and so are marked as required, also where a dataclass gives them a default.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pipit.files import write_atomically

from pipit_console.models.base import Asked, ErrorBody

_VALIDATION = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once for each app."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, routes=app.routes, separate_input_output_schemas=False
        )
        app.openapi_schema = _mend(document)
    return app.openapi_schema


def content_of(app: FastAPI) -> bytes:
    """As `openapi.json` holds it."""
    return (json.dumps(describe(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _mend(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for name in _VALIDATION:
        schemas.pop(name, None)
    for name, schema in schemas.items():
        if "properties" in schema and name not in Asked.names:
            schema["required"] = list(schema["properties"])
    error = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(error.pop("$defs"))
    schemas["ErrorBody"] = error
    failed = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {"description": "What went wrong", "content": failed}
    return document


if __name__ == "__main__":
    from pipit_console.app import build_api

    write_atomically(Path(sys.argv[1]), content_of(build_api()))
