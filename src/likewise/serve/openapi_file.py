"""The OpenAPI file of the API: ``python -m likewise.serve.openapi_file docs/openapi.json`` writes it."""

import sys
from pathlib import Path
from typing import Any

from likewise.files import write_json
from likewise.serve.app import create_app
from likewise.serve.settings import Settings


def main(target: Path) -> None:
    """Write the file; no index is opened for it."""
    write_json(target, create_app(_NoServer(Settings())).openapi())  # type: ignore[arg-type]  # routes are all it needs


class _NoServer:
    """Settings without a server."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    warm = close = None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
