"""The life of a bundle, and a history that shows when it was touched."""

import msgspec
import pytest

from sidecar.errors import BundleError
from sidecar.rules.lifecycle import (
    MOVES,
    STATES,
    approval_message,
    approve,
    head_faults,
    head_of,
    move,
    read_history,
    require_approvals,
    state_of,
    write_entry,
)
from sidecar.rules.shipping import describe
from tests.rules.test_lint import RULE
from tests.rules.test_shipping import FILES, Pen, Ring

CONTENTS = describe(FILES)
OTHER = describe({**FILES, "injection/injection-sample.yaml": RULE.replace("low", "high").encode()})


def walk(*states, contents=CONTENTS, history=()):
    entries = list(history)
    for number, state in enumerate(states):
        entries.append(move(entries, contents, state, who="ada", why="because", at=float(number)))
    return entries


def approved_by(*keys, contents=CONTENTS, message=None):
    history = walk("staging")
    for key in keys:
        signature = Pen(key).sign(message or approval_message(contents))
        history.append(approve(history, contents, who=key, why="read it", at=1.0, key_id=key, signature=signature))
    return history


def test_a_bundle_goes_the_whole_way():
    """From development to the archive, one step at a time."""
    history = walk("staging", "approved", "production", "deprecated", "archived")

    assert state_of(history, CONTENTS.revision) == "archived"
    assert read_history(b"".join(map(write_entry, history))) == tuple(history)


@pytest.mark.parametrize("wanted", [state for state in STATES if state not in MOVES["development"]])
def test_no_step_is_skipped(wanted):
    """A bundle that nobody looked at does not reach production."""
    with pytest.raises(BundleError, match="from development a bundle goes to staging"):
        walk(wanted)


def test_every_step_needs_who_and_why():
    """An empty reason is none."""
    with pytest.raises(BundleError, match="who and why"):
        move([], CONTENTS, "staging", who="ada", why=" ", at=0.0)


def test_a_published_version_is_immutable():
    """Other contents under the same version are refused, in whatever state."""
    with pytest.raises(BundleError, match="published with other contents"):
        walk("staging", contents=OTHER, history=walk("staging", "approved"))


def test_approvals_are_counted_by_distinct_known_keys():
    """Two of two, not the same one twice, and no strangers."""
    require_approvals(approved_by("ada", "bob"), CONTENTS, Ring("ada", "bob"), needed=2)
    for history in (approved_by("ada", "ada"), approved_by("ada", "mallory")):
        with pytest.raises(BundleError, match="1 approvals by distinct keys where 2 are needed"):
            require_approvals(history, CONTENTS, Ring("ada", "bob"), needed=2)


def test_an_approval_of_something_else_does_not_count():
    """The signature is over these contents, and is not a publisher's."""
    history = approved_by("ada", message=approval_message(OTHER))

    with pytest.raises(BundleError, match="0 approvals"):
        require_approvals(history, CONTENTS, Ring("ada"), needed=1)


def test_approving_outside_of_staging_is_refused():
    """What is in production was approved already."""
    with pytest.raises(BundleError, match="approved in staging"):
        approve([], CONTENTS, who="ada", why="x", at=0.0, key_id="ada", signature=b"")


@pytest.mark.parametrize("harm", ["change", "drop", "swap", "add"])
def test_a_history_that_was_touched_is_refused(harm):
    """Each entry holds the digest of the one before."""
    entries = walk("staging", "approved", "production")
    match harm:
        case "change":
            entries[1] = msgspec.structs.replace(entries[1], who="mallory")
        case "drop":
            del entries[1]
        case "swap":
            entries[0], entries[1] = entries[1], entries[0]
        case "add":
            entries.append(entries[-1])

    with pytest.raises(BundleError, match="tampered"):
        read_history(b"".join(map(write_entry, entries)))


@pytest.mark.parametrize(
    ("harm", "is_seen"),
    [
        (lambda history: history, False),
        (lambda history: walk("approved", history=history), False),
        (lambda history: history[:-1], True),
        (lambda history: [], True),
        (lambda history: walk("staging", "development"), True),
    ],
)
def test_a_signed_head_shows_what_the_chain_cannot(harm, is_seen):
    """The last entries cut off, and a chain written anew, are chains without a fault; one that has grown is fine."""
    history = walk("staging", "development", "staging")

    assert bool(head_faults(harm(history), head_of(history))) is is_seen


def test_nothing_was_signed_of_a_bundle_without_history():
    """Bundles that were signed before there was a history still fit."""
    assert (head_of([]), head_faults(walk("staging"), "")) == ("", [])
