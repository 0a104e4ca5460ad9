"""The verdict cache: a text that was judged is not judged again while rules and policy stay; off unless a policy asks for it.

A verdict is a function of text, target, application, policy and rules. All of them are in the key, which is a keyed digest, so
that no verdict crosses from one application to another and no text is kept. What is edited is not remembered, as edits hold
what they put in.
"""

from __future__ import annotations

import hashlib

import msgspec

from sidecar.core.recent import Recent
from sidecar.model import Decision, Segment, Verdict


class VerdictCache:
    """Verdicts of one snapshot.

    Args:
        key: secret of this process, so that nobody can tell a text from its digest.
        capacity: how many verdicts are kept; about 250 bytes each.
    """

    def __init__(self, key: bytes, capacity: int) -> None:
        self._key = key
        self.recent: Recent[Decision] = Recent(capacity)

    def scope(self, *names: str) -> Verdicts:
        """Return the cache as one application under one policy and bundle sees it.

        Args:
            *names: application, policy, and revision of the bundle; nothing is shared where one of them differs.
        """
        scope = msgspec.json.encode(names)
        return Verdicts(self.recent, hashlib.blake2b(scope, key=self._key, digest_size=32).digest())


class Verdicts:
    """The verdicts of one application.

    Args:
        recent: keeps them.
        key: of the application.
    """

    def __init__(self, recent: Recent[Decision], key: bytes) -> None:
        self._recent = recent
        self._key = key

    def digest(self, content: bytes | str, *kind: str) -> bytes:
        """Return the key of a text or body.

        Args:
            content: the text or body.
            *kind: what it was judged as: its target, or direction, format and route.
        """
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        digest = hashlib.blake2b(msgspec.json.encode(kind), key=self._key, digest_size=16)
        digest.update(data)
        return digest.digest()

    def find(self, digest: bytes, segment: Segment | None = None) -> Decision | None:
        """Return the decision about a content that was judged before.

        Args:
            digest: of the content.
            segment: the text at hand, for findings to stand in; None for a body.
        """
        known = self._recent.get(digest)
        if known is None or segment is None or not known.findings:
            return known
        return _in(known, segment)

    def keep(self, digest: bytes, decision: Decision, segment: Segment | None = None) -> None:
        """Remember a decision; one that edits, or about a body that has findings, is not.

        Args:
            digest: of the content.
            decision: about it.
            segment: the text that was judged; None for a body.
        """
        if decision.edits or decision.reason or (segment is None and not is_clean(decision)):
            return
        bare = Segment("", segment.target, segment.path) if segment else None
        self._recent.put(digest, _in(decision, bare) if bare and decision.findings else decision)


def is_clean(decision: Decision) -> bool:
    """Tell whether nothing was found."""
    return decision.verdict is Verdict.ALLOW and not decision.findings


def _in(decision: Decision, segment: Segment) -> Decision:
    """Return a decision with its findings in another segment of the same text, or of none."""
    findings = tuple([msgspec.structs.replace(finding, segment=segment) for finding in decision.findings])
    return msgspec.structs.replace(decision, findings=findings)
