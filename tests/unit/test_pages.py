"""Pages of which a program writes a part."""

from __future__ import annotations

import pytest

from tests import pages


def test_only_what_is_between_the_markers_is_written() -> None:
    """The page keeps its words; a page without the markers is an error."""
    page = "before <!-- a: begin -->old<!-- a: end --> after"
    assert pages.replaced(page, {"a": "new"}) == "before <!-- a: begin -->\nnew\n<!-- a: end --> after"
    with pytest.raises(ValueError, match="b: begin"):
        pages.replaced(page, {"b": "new"})
