"""Reading pictures, and names that are hostile to them."""

import xml.etree.ElementTree as ET

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>", '"quoted" \'text\'', "`code`", "end", "a]b[c", "a|b", "a\nb", "a --> b",
    "&amp; &lt;", "#quot;", "%% comment", "1. list", "- item", "**bold** _em_", "]]>", "-->", "subgraph x",
    "click n1 href", ":::class", "{{x}}", "$(x)", "é ☃ 漢字", "\x00\x1b[0m", "\u202eright", "\ud800", "//e", "x" * 300,
]  # fmt: skip


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())


def shown(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{NS}text")]
