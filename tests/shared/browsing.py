"""A browser for tests of pages."""

from pathlib import Path
from typing import Any

from shared.baking import TEMPLATE

SCREENSHOTS = TEMPLATE / "build" / "screenshots"


class Browser:
    """A headless browser, as a reader of a page has it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, path: Path, width: int = 1200, dark: bool = False) -> None:
        """Show a file, in a window of ``width`` by 900 pixels."""
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.goto(path.resolve().as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what JavaScript returns, a function's body."""
        return self.page.evaluate(
            f"given => (function () {{ {script} }}).apply(null, given)", list(arguments)
        )

    def text(self, selector: str) -> str:
        """Return the visible text of an element."""
        return str(self.page.inner_text(selector))

    def screenshot(self, name: str) -> None:
        """Keep a picture of the whole page, for people, in build/screenshots/."""
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def problems(self) -> list[str]:
        """Return what axe, the accessibility checker, finds wrong with the page."""
        import axe_core_python

        axe = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
        self.run(axe)
        found = self.run("return axe.run(document, {iframes: false})")
        return [f"{item['id']}: {item['nodes'][0]['html']}" for item in found["violations"]]
