"""Choosing rows by a condition in words such as ``brand == 'acme' and height > 3``."""

import pandas as pd

from likewise.errors import CatalogError

# What pandas and Python raise for an expression that cannot be parsed or does not fit the columns.
_QUERY_ERRORS = (SyntaxError, NameError, TypeError, ValueError, KeyError, AttributeError, NotImplementedError)


def rows_where(table: pd.DataFrame, where: str) -> "pd.Series[bool]":
    """Which rows fulfil ``where``, a pandas query over the columns.

    Raises:
        CatalogError: It cannot be read, names a column that does not exist, or does not say yes or no.
    """
    # A query is an expression over columns; names of Python objects are not reachable from it.
    if "@" in where or "__" in where:
        raise CatalogError(f"The condition {where!r} must not hold '@' or '__': compare columns with values.")
    try:
        result = table.eval(where, engine="python", local_dict={}, global_dict={})
    except _QUERY_ERRORS as error:
        columns = ", ".join(table.columns)
        raise CatalogError(
            f"The condition {where!r} cannot be used ({error}): write it like "
            f"\"brand == 'acme' and height > 3\" with the columns {columns}."
        ) from error
    if not isinstance(result, pd.Series) or result.dtype.kind != "b":
        raise CatalogError(
            f"The condition {where!r} does not say yes or no for each row: compare with ==, <, > or in."
        )
    return result
