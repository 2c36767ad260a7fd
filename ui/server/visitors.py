"""Who is asking: the address that a request comes from."""

import ipaddress
import os
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope


def address_of(scope: Scope) -> str:
    """The address of a request; on a Space, the one that its proxy reports.

    Each proxy appends the address it heard from to whatever the visitor wrote there, so it is the
    last public one. All of an IPv6 network, which is what a household gets, count as one address.
    """
    found = _grouped(scope["client"][0] if scope.get("client") else "")
    if "SPACE_ID" in os.environ and "headers" in scope:
        heard = Headers(scope=scope).get("x-forwarded-for", "").split(",")
        public = (part for part in map(_grouped, reversed(heard)) if part and part.is_global)
        found = next(public, found)
    return str(found or "")


def _grouped(text: str) -> Any:
    """An address, or the network that counts as one; None for what is none."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)
    return address
