"""`pseudonymise`: the span becomes a pseudonym that stays the same for the conversation, and comes back in the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sidecar.core.pseudonyms import STYLES, Keyring, Pseudonyms, Style


class Pseudonymise:
    """The operator; `within` binds it to an exchange, and alone it issues pseudonyms that nothing restores.

    Args:
        style: one of `STYLES`.
        keyring: what pseudonyms are made with.
    """

    def __init__(self, style: Style, keyring: Keyring) -> None:
        self.style = style
        self.keyring = keyring

    def __call__(self, entity: str, text: str) -> str:
        """Return a pseudonym for one span on its own."""
        return Pseudonyms(self.keyring).issue(entity, text, self.style)

    def within(self, pseudonyms: Pseudonyms) -> Callable[[str, str], str]:
        """Return the operator of one exchange."""
        return partial(_issue, pseudonyms, self.style)


def _issue(pseudonyms: Pseudonyms, style: Style, entity: str, text: str) -> str:
    return pseudonyms.issue(entity, text, style)


def build(style: str = "number", *, keyring: Keyring) -> Pseudonymise:
    """Build the operator.

    Args:
        style: `number`, `code`, `surrogate` or `token`; see `sidecar.core.pseudonyms`.
        keyring: what pseudonyms are made with.

    Raises:
        ValueError: an unknown style, or one that needs a key where none is configured.
    """
    if style not in STYLES:
        raise ValueError(f"operator `pseudonymise`: `style` is one of {', '.join(STYLES)}")
    if (style != "number" and not keyring.key) or (style == "token" and keyring.sealer is None):
        raise ValueError(f"operator `pseudonymise`: the style `{style}` needs a key; set SIDECAR_PSEUDONYM_KEY")
    return Pseudonymise(style, keyring)  # type: ignore[arg-type]  # checked above
