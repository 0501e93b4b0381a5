"""Tell hosts that only this machine can reach from others, to which credentials are never sent in clear text."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return True for hosts that only this machine can reach: 127.0.0.0/8, ::1 or localhost."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
