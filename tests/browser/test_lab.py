"""What drives the page for other tests: it adds no errors of its own."""

from __future__ import annotations

import pytest

from tests.browser.lab import Lab

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_themes_may_follow_each_other_at_once(lab: Lab) -> None:
    errors: list[str] = []
    lab.page.on("pageerror", lambda error: errors.append(str(error)))
    lab.open("themes.ipynb", ["1"], "JupyterLab Dark")
    for theme in ["Light", "Dark"] * 3:
        lab.set_theme(f"JupyterLab {theme}")
        assert lab.page.evaluate("document.body.dataset.jpThemeName") == f"JupyterLab {theme}"
    lab.page.wait_for_selector("#jupyterlab-splash", state="detached")
    assert not errors
