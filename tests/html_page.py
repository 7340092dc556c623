"""An HTML page as tests read it: elements, attributes and visible text."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}


class HtmlPage(HTMLParser):
    """Elements, attributes and visible text; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title", "script"} & set(self.open) and data.strip():
            self.text.append(" ".join(data.split()))

    def all(self, tag: str, kind: str = "") -> list[dict[str, str]]:
        """Attributes of the elements of a tag, and of a class."""
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and set(kind.split()) <= set(attributes.get("class", "").split())
        ]

    def facts(self) -> dict[str, str]:
        """The list at the end of a page: how it was made."""
        names = self.inside("fact-name")
        return dict(zip(names, self.inside("fact-value"), strict=True))

    def inside(self, kind: str) -> list[str]:
        """The text of every element of a class, with that of the elements in it."""
        found: list[str] = []

        class Reader(HTMLParser):
            depth = 0

            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                if self.depth:
                    self.depth += tag not in VOID
                elif kind in (dict(attrs).get("class") or "").split():
                    self.depth = 1
                    found.append("")

            def handle_endtag(self, tag: str) -> None:
                self.depth -= bool(self.depth)

            def handle_data(self, data: str) -> None:
                if self.depth:
                    found[-1] += data

        Reader().feed(self.html)
        return [" ".join(text.split()) for text in found]
