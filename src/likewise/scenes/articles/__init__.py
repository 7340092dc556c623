"""Articles: randomly drawn product classes in any number, to train networks on."""

from likewise.scenes.articles.article import FAMILY, MAKERS, PREFIX, article, article_name

__all__ = ["FAMILY", "MAKERS", "PREFIX", "article", "article_name"]
