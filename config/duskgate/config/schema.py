"""The JSON Schema of gateway.yaml, for editors: ``python -m duskgate.config.schema`` prints it."""

from __future__ import annotations

import json
import sys

from duskgate.config.models import Document


def schema_text() -> str:
    """The schema as it is committed in ``config/gateway.schema.json``."""
    schema = Document.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    schema["title"] = "Duskgate gateway.yaml"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
