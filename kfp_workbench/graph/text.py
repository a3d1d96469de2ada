"""Text in pictures: its width, its lines, and what may not be in it."""

# Of a letter 100 units high; generous, as each machine has its own fonts.
_NARROW = frozenset("ijlI.,:;'|![](){}-`\" ")
_WIDE = frozenset("mwMW@%→…")
_FORBIDDEN = (
    *((0x00, 0x1F), (0x7F, 0x9F), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069)),
    *((0xD800, 0xDFFF), (0xFFFE, 0xFFFF)),
)


def plain(text: str) -> str:
    """Return ``text`` in one line, without what XML forbids or what turns its direction."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if any(first <= ord(character) <= last for first, last in _FORBIDDEN)
        else character
        for character in text
    )


def width(text: str, size: int) -> int:
    """Return the room that ``text`` takes at a font size, in pixels, rounded up."""
    return -(-sum(map(_units, text)) * size // 100)


def _units(character: str) -> int:
    if character in _NARROW:
        return 38
    if character in _WIDE:
        return 98
    if character > "\u2e7f":
        return 110
    return 62 if "a" <= character <= "z" or "0" <= character <= "9" else 74


def lines(text: str, length: int, count: int) -> list[str]:
    """Return ``text`` in at most ``count`` lines of ``length`` characters.

    The middle of a longer word gives way to an ellipsis, and so does the end of a longer text.
    """
    found = [""]
    for word in plain(text).split(" "):
        if len(word) > length:
            word = f"{word[: length * 2 // 3]}…{word[len(word) - length // 3 + 1 :]}"
        if found[-1] and len(found[-1]) + 1 + len(word) > length:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {word}".strip()
    if len(found) > count:
        found[count - 1] = found[count - 1][: length - 2] + " …"
    return found[:count]
