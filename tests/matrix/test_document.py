"""The page for people says what the table says."""

from tests.matrix.document import FILE, text


def test_the_page_is_written_from_the_table_that_is_run() -> None:
    assert text() == FILE.read_text(), "run: python -m tests.matrix.document"
