"""The policy's section `output`: what answers are looked at for beside the rules; each family says what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Annotated, Literal

import msgspec

from sidecar.core.links import LinkWatch
from sidecar.core.lookout import NOTHING, Lookout, Meter, Watch
from sidecar.core.meters import LengthMeter, RepetitionMeter
from sidecar.core.recall import Recall, RecallSettings
from sidecar.core.words import WordWatch

Count = Annotated[int, msgspec.Meta(ge=0)]
Kind = Literal["image", "link", "reference", "html", "css", "autolink", "bare"]
Host = Annotated[str, msgspec.Meta(pattern=r"^(\*\.)?[A-Za-z0-9.-]+$", max_length=253)]
Phrase = Annotated[str, msgspec.Meta(min_length=2, max_length=200)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know."""


class Links(Strict, frozen=True):
    """Family `links`: images, links and HTML that lead to hosts which are not allowed.

    Args:
        allow: hosts; `*.example.com` stands for all below it. Findings of `exfil` about these hosts are dropped, too.
        kinds: which forms are looked for.
    """

    allow: tuple[Host, ...] = ()
    kinds: tuple[Kind, ...] = ("image", "link", "reference", "html", "css", "autolink")


class PromptLeak(Strict, frozen=True):
    """Family `prompt-leak`: the answer says the request's system prompt again, or a canary.

    Args:
        words: consecutive words that count; 0 compares nothing.
        canaries: texts that stand nowhere but in your system prompts. A word `canary-…` in a system prompt is one, too.
    """

    words: Count = 12
    canaries: tuple[Phrase, ...] = ()


class Echo(Strict, frozen=True):
    """Family `echo`: the answer says again, word for word, an injection that was found in its request."""

    words: Count = 6


class Banned(Strict, frozen=True):
    """Family `banned`: words and phrases that answers must not hold, alone or by topic."""

    words: tuple[Phrase, ...] = ()
    topics: dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")], tuple[Phrase, ...]] = {}


class Length(Strict, frozen=True):
    """Family `length`: an answer longer than so many code points; 0 for any length."""

    chars: Count = 0


class Repetition(Strict, frozen=True):
    """Family `repetition`: 2,048 code points of an answer compress to so many times less."""

    ratio: Annotated[float, msgspec.Meta(ge=4)] = 25.0


class Output(Strict, frozen=True):
    """What answers are looked at for beside the rules."""

    links: Links = Links()
    prompt_leak: PromptLeak = PromptLeak()
    echo: Echo = Echo()
    banned: Banned = Banned()
    length: Length = Length()
    repetition: Repetition = Repetition()


def build_lookout(output: Output, families: Collection[str]) -> Lookout:
    """Build what all answers are looked at for.

    Args:
        output: the policy's section.
        families: those that are on.
    """
    watches: list[Watch] = []
    meters: list[Callable[[], Meter]] = []
    links = LinkWatch(output.links.allow, output.links.kinds)
    if "links" in families:
        watches.append(links)
    topics = {"word": output.banned.words, **output.banned.topics}
    if "banned" in families and any(topics.values()):
        watches.append(WordWatch(topics))
    if "prompt-leak" in families and output.prompt_leak.canaries:
        watches.append(WordWatch({"canary": output.prompt_leak.canaries}, family="prompt-leak"))
    if "length" in families and output.length.chars:
        meters.append(partial(LengthMeter, output.length.chars))
    if "repetition" in families:
        meters.append(partial(RepetitionMeter, output.repetition.ratio))
    allows = links.allows if output.links.allow else None
    if not watches and not meters and allows is None:
        return NOTHING
    return Lookout(tuple(watches), tuple(meters), allows)


def build_recall(output: Output, families: Collection[str]) -> Recall | None:
    """Build what prepares answers' comparison with their requests; None where nothing is compared."""
    settings = RecallSettings(
        prompt_words=output.prompt_leak.words if "prompt-leak" in families else 0,
        echo_words=output.echo.words if "echo" in families else 0,
    )
    return Recall(settings) if settings.prompt_words or settings.echo_words else None
