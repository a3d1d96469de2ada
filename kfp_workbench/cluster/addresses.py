"""Addresses on the web: where they lead, as browsers take them."""

from urllib.parse import urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}


def place(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address on the web, else None."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            return None
        return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        return None


def joined(base: str, reference: str) -> str:
    """Return where a link on the page ``base`` leads; "" for what is no address."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""
