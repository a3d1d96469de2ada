"""Reads a web page: its forms, its links, its text.

What the page says is never trusted: this only says what is there.
"""

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import NamedTuple

# Python's parser is slow on crafted input: what it holds back is looked at again with every
# piece, and with all that follows at the end, so that there is no end for it.
_PIECE = 4096  # characters
_UNSEEN = ("script", "style", "title")


class Form(NamedTuple):
    """A form, with what its inputs are called."""

    method: str  # in lower case
    action: str  # as it stands there; "" is the page's own address
    hidden: Mapping[str, str]  # its hidden inputs, with their values
    inputs: Mapping[str, str]  # the others, with their types


class Link(NamedTuple):
    """A link, with the classes of what is in it."""

    href: str
    classes: Sequence[str]


class Page(NamedTuple):
    """What a page holds."""

    forms: Sequence[Form]
    links: Sequence[Link]
    text: str  # on one line


def read(html: str) -> Page:
    """Return what a page holds; what cannot be read is left out."""
    reader = _Reader()
    try:
        for start in range(0, len(html), _PIECE):
            reader.feed(html[start : start + _PIECE])
        reader.feed("<br>")  # so that text at the end is no longer held back
    except AssertionError:  # for some declarations, instead of an error of its own
        pass
    return Page(reader.forms, reader.links, " ".join("".join(reader.text).split()))


class _Reader(HTMLParser):
    """Collects forms, links and text; an attribute's entities are text by now."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[Link] = []
        self.text: list[str] = []
        self._form: tuple[dict[str, str], dict[str, str]] | None = None
        self._classes: list[str] | None = None  # of the link that is open
        self._unseen = ""  # the element whose text is none

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element begins or is."""
        given = {name: value or "" for name, value in reversed(attrs)}  # the first one counts
        self.text.append(" ")
        if tag == "form" and self._form is None:  # in a form there is no other
            self._form = {}, {}
            method = given.get("method", "get").strip().lower()
            self.forms.append(Form(method, given.get("action", ""), *self._form))
        elif tag == "input" and self._form is not None and given.get("name"):
            kind = given.get("type", "text").strip().lower()
            hidden, inputs = self._form
            if kind == "hidden":
                hidden[given["name"]] = given.get("value", "")
            else:
                inputs[given["name"]] = kind
        elif tag == "a" and "href" in given:
            self._classes = []
            self.links.append(Link(given["href"], self._classes))
        elif tag in _UNSEEN:
            self._unseen = tag
        if self._classes is not None:
            self._classes += given.get("class", "").split()

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        self.text.append(" ")
        if tag == "form":
            self._form = None
        elif tag == "a":
            self._classes = None
        elif tag == self._unseen:
            self._unseen = ""

    def handle_data(self, data: str) -> None:
        """Note text that a person would see."""
        if not self._unseen:
            self.text.append(data)
