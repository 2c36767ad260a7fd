"""Who is asking: the address that a request comes from."""

import ipaddress
import os

from starlette.datastructures import Headers
from starlette.types import Scope


def address_of(scope: Scope) -> str:
    """The address of a request; on a Space, the one that its proxy reports.

    Each proxy appends the address it heard from to whatever the visitor wrote there, so it is the
    last public one. All of an IPv6 network, which is what a household gets, count as one address.
    """
    found = scope["client"][0] if scope.get("client") else ""
    if "SPACE_ID" in os.environ and "headers" in scope:
        heard = Headers(scope=scope).get("x-forwarded-for", "").split(",")
        found = next((part for part in map(_public, reversed(heard)) if part), found)
    return found


def _public(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        whole = address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)
        return str(whole) if whole.is_global else ""
    return str(address) if address.is_global else ""
