"""Who is asking: the address that a request comes from, and the session it names."""

import ipaddress
import os
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.types import Scope


class Visitor(NamedTuple):
    """A visitor. Session ids come from the client; addresses do not."""

    address: str
    session: str


def visitor_of(request: Any) -> Visitor:
    """The visitor behind the `gr.Request` that a handler is given."""
    scope = request.request.scope if request and request.request else {"type": "http"}
    return Visitor(address_of(scope), str(getattr(request, "session_hash", None) or ""))


def address_of(scope: Scope) -> str:
    """The address of a request; on a Space, the one that its proxy reports.

    Each proxy appends the address it heard from to whatever the visitor wrote there, so it is the
    last public one. All of an IPv6 network, which is what a household gets, count as one address.
    """
    found = scope["client"][0] if scope.get("client") else ""
    if "SPACE_ID" in os.environ and "headers" in scope:
        heard = Headers(scope=scope).get("x-forwarded-for", "").split(",")
        found = next((part for part in map(_grouped, reversed(heard)) if part), found)
    return _grouped(found, public=False) or found


def _grouped(text: str, public: bool = True) -> str:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return ""
    if public and not address.is_global:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
