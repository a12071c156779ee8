from tests.docs.what_agents_see import PAGE, page


def test_the_page_says_what_the_code_does() -> None:
    """docs/what-agents-see.md is what `python -m tests.docs.what_agents_see` writes today."""
    assert PAGE.read_text(encoding="utf-8") == page()
