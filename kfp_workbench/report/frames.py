"""HTML and Markdown artifacts as documents for frames, which can do nothing but be read."""

from pathlib import Path
from typing import Any

MOST_BYTES = 2_000_000  # of a page that is shown; a larger one is left where it is
# Of its own: styles and pictures that it brings along. Nothing is loaded, run or sent.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
_HEAD = f"""<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<base target="_blank">
"""
_MARKDOWN = """<style>
:root { color-scheme: light dark } body { font: 16px/1.6 system-ui, sans-serif; margin: 1rem; max-width: 50rem }
pre { overflow: auto } code, pre { background: #8881; border-radius: 4px } pre { padding: .8rem }
table { border-collapse: collapse } td, th { border: 1px solid #8886; padding: .3rem .7rem } img { max-width: 100% }
</style>
"""


def document(path: Path | None, is_markdown: bool) -> dict[str, Any]:
    """Return the ``document`` of an artifact's file; or as ``note`` why there is none."""
    if path is None or not path.is_file():
        return {"note": "The file is not there."}
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        return {"note": f"It has more than {MOST_BYTES // 10**6} MB: open the file itself."}
    text = content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if not is_markdown:
        return {"document": _HEAD + text, "scripts": "<script" in text.lower()}
    from markdown_it import MarkdownIt

    # Markup in it stays text; links are made by people who wrote them, and open elsewhere.
    return {"document": _HEAD + _MARKDOWN + MarkdownIt("js-default").render(text), "scripts": False}
