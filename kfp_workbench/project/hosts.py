"""Which hosts of the network are this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether a host, without a port, means this machine wherever it is read."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
