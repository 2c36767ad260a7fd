"""Who asks: the address that a request comes from, and the session it names."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["Visitor", "address_of", "visitor_of"]

NETWORK_BITS = 64  # of an IPv6 address: what one household or server is given


@dataclass(frozen=True)
class Visitor:
    """Somebody who asks for something. A session is the visitor's own word, an address is not."""

    address: str
    session: str


def visitor_of(request: Any) -> Visitor:
    """Who has sent the `gr.Request` that a handler is given."""
    scope = request.request.scope if request and request.request else {"type": "http"}
    return Visitor(address_of(scope), str(getattr(request, "session_hash", None) or ""))


def address_of(scope: Scope) -> str:
    """Where a request comes from; on a Space, what its proxy says.

    Each proxy adds whom it heard at the end of the header, and whatever a visitor writes there
    stands before that: so it is the last address that is not of the Space's own network.
    """
    client = scope["client"][0] if scope.get("client") else ""
    if "SPACE_ID" not in os.environ:
        return _grouped(client)
    forwarded: Mapping[str, str] = Headers(scope=scope) if "headers" in scope else {}
    heard = [part.strip() for part in forwarded.get("x-forwarded-for", "").split(",")]
    public = (p for p in reversed(heard) if (address := _parsed(p)) and address.is_global)
    return _grouped(next(public, client))


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _grouped(text: str) -> str:
    """One name for all addresses that one household or server is given."""
    address = _parsed(text)
    if isinstance(address, ipaddress.IPv6Address):
        network = ipaddress.ip_network((address, NETWORK_BITS), strict=False)
        return str(address.ipv4_mapped or network)
    return str(address or text)
