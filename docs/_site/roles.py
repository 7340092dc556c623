"""Shows the Sphinx roles of docstrings (:class:`Plan`) as code, which Markdown has no roles for."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?\.?([^`]+)`")


class Roles(griffe.Extension):
    """Griffe extension; mkdocstrings loads it."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Replace the roles in the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value)
