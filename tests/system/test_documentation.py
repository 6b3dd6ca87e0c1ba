"""`make docs` in a clone, read from its folder in Chromium: no server, and no network."""

import sys

import browser

pytestmark = browser.NEEDED
OPENED = "!!document.activeElement.shadowRoot"  # what the search lives in
FOUND = r"/[1-9]\d* results/.test(document.activeElement.shadowRoot.textContent)"


def test_site_is_searched_from_its_folder_and_asks_no_host(clone, shell, tmp_path):
    shell(f"PYTHONPATH=scripts '{sys.executable}' -m documentation", cwd=clone)
    with browser.chromium(tmp_path) as page:
        page.open(clone / "site" / "reference" / "python.html")
        page.value("document.querySelector('.md-search__button').click()")
        page.wait(OPENED)
        page.ask("Input.insertText", text="temperature")
        page.wait(FOUND)

        assert not [url for url in page.requests if not url.startswith(("file:", "data:"))]
        assert page.complaints == []
