"""Links, images and HTML in answers that lead to hosts which the policy does not name: the way out of zero-click leaks.

Forms: https://spec.commonmark.org/0.31.2/ sections 4.7, 6.3, 6.4, 6.5; EchoLeak (CVE-2025-32711) used references.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from sidecar.core.lookout import ANSWERS
from sidecar.model import Finding, Segment, Verdict

_URL = r"[^\s<>()\"']{1,1500}"
_TAGS = "a|area|audio|base|body|embed|form|frame|iframe|image|img|input|link|object|script|source|svg|table|td|track|use|video"
_ATTRIBUTES = "action|background|cite|data|formaction|href|poster|src|srcset|xlink:href"
# By kind: how it is written; the group holds the address.
FORMS = {
    "image": rf"!\[[^\[\]\n]{{0,200}}\]\(\s{{0,3}}<?({_URL})[>)]?",
    "link": rf"(?<!!)\[[^\[\]\n]{{0,200}}\]\(\s{{0,3}}<?({_URL})[>)]?",
    "reference": rf"\[[^\[\]\n]{{1,100}}\]:[ \t]{{0,5}}\n?[ \t]{{0,5}}<?({_URL})>?",
    "html": rf"<(?:{_TAGS})\b[^<>]{{0,200}}?\b(?:{_ATTRIBUTES})\s{{0,3}}=\s{{0,3}}[\"']?({_URL})",
    "css": rf"\burl\(\s{{0,3}}[\"']?({_URL})",
    "autolink": rf"<((?:https?|ftp)://{_URL})>",
    "bare": rf"\b((?:https?|ftp)://{_URL})",
}
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}:")
_HOST = re.compile(r"[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]")
_ADDRESS = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]{1,20}:)?[/\\]{2}[^\s<>()\"']+")


class LinkWatch:
    """Finds addresses of hosts that are not allowed.

    Args:
        allow: host names; `*.example.com` stands for every host below `example.com`.
        kinds: names of `FORMS` that are looked for.
    """

    family = "links"
    targets = ANSWERS
    least = 4

    def __init__(self, allow: Sequence[str], kinds: Sequence[str]) -> None:
        self._exact = frozenset(name.lower() for name in allow if not name.startswith("*."))
        self._below = tuple(name[1:].lower() for name in allow if name.startswith("*."))
        self.shapes = tuple(FORMS[kind] for kind in kinds)
        self._forms = [(kind, re.compile(FORMS[kind], re.IGNORECASE)) for kind in kinds]

    def find(self, segment: Segment) -> list[Finding]:
        """Return every address that leads elsewhere, with the form it stands in; of overlapping ones, the first."""
        text = segment.text
        if ":" not in text and "//" not in text and "](" not in text and "=" not in text:
            return []
        found: list[Finding] = []
        for kind, form in self._forms:
            found += (
                Finding(f"output-link-{kind}", self.family, *match.span(), 1.0, segment, "LINK", Verdict.MASK)
                for match in form.finditer(text, segment.start)
                if not self._is_allowed(match[1])
            )
        return found

    def live_from(self, text: str) -> int:
        """Return the length: the shapes say what may still come."""
        return len(text)

    def allows(self, text: str) -> bool:
        """Tell whether a text holds addresses and all of them are of allowed hosts."""
        addresses = _ADDRESS.findall(html.unescape(text))
        return bool(addresses) and all(self._is_allowed(address) for address in addresses)

    def _is_allowed(self, address: str) -> bool:
        host = host_of(address)
        return host == "" or (host is not None and (host in self._exact or host.endswith(self._below)))


def host_of(address: str) -> str | None:
    """Return the host of an address as browsers read it; empty where it stays on its site, None where that is unclear."""
    plain = html.unescape(address).replace("\\", "/").strip()
    scheme = _SCHEME.match(plain)
    if scheme is None:
        if not plain.startswith("//"):
            return ""
    elif scheme[0].lower() not in ("http:", "https:", "ftp:"):
        return None  # javascript:, data: and their like have no host that could be allowed
    authority = plain[scheme.end() if scheme else 0 :].lstrip("/").partition("/")[0].partition("?")[0].partition("#")[0]
    name = authority.rpartition("@")[2].lower()
    name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
    name = name.rstrip(".")
    return name if _HOST.fullmatch(name) else None
