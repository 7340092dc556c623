"""The server of ``likewise serve``: a search page and an API over indexes, with keys and limits."""
