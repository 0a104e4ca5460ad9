"""The policy file: overrides, operators, and clear refusals."""

import pytest

from sidecar.config import find_policy
from sidecar.errors import ConfigError
from sidecar.model import Action
from sidecar.rules.policy import read_policy, resolve

HEAD = "schema: 1\nname: t\n"


def read(text):
    return read_policy((HEAD + text).encode(), "p.yaml")


@pytest.mark.parametrize("name", ["default", "full"])
def test_shipped_policies_are_valid(name):
    """Both policies that ship can be read and resolved."""
    document = read_policy(*find_policy(name))

    assert name == document.name
    assert document.ner.enabled is (name == "full")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("thresold: {}\n", 3, "thresold"),
        ("limits:\n  body_bytes: 0\n", 4, "body_bytes"),
        ("families:\n  pii:\n    action: explode\n", 5, "explode"),
        ("families:\n  pii:\n    operator: {name: shred}\n", 5, "shred"),
        ("families:\n  pii:\n    operator: {name: mask, params: {size: 3}}\n", 5, "size"),
        ("sanitise: {always: [nobody]}\n", 3, "nobody"),
        ("exclusions:\n  - {rule: x}\n", 4, "reason"),
    ],
)
def test_fault_names_file_line_and_key(text, line, words):
    """Unknown keys and bad values are refused with their place."""
    with pytest.raises(ConfigError, match=words) as caught:
        read(text)

    assert str(caught.value).startswith(f"p.yaml:{line}: ")


def test_unknown_policy_says_what_ships():
    """A name that is no policy lists those that are."""
    with pytest.raises(ConfigError, match="default, full"):
        find_policy("strictest")


def test_overrides_apply_to_their_traffic_only():
    """Application, route, direction and role select; the last one that matches wins."""
    document = read(
        "families: {pii: {action: mask}}\n"
        "overrides:\n"
        "  - {application: 'shop-*', families: {pii: {action: flag}}}\n"
        "  - {application: 'shop-*', direction: response, role: text, families: {pii: {action: block}}}\n"
    )
    shop = resolve(document, application="shop-eu", route="/v1").targets
    other = resolve(document, application="desk", route="/v1").targets

    assert [
        shop["request.user"].families["pii"].action,
        shop["response.text"].families["pii"].action,
        other["response.text"].families["pii"].action,
    ] == [Action.FLAG, Action.BLOCK, Action.MASK]


def test_entity_settings_build_on_the_family():
    """An entity takes what it leaves out from its family."""
    document = read("families: {pii: {action: mask, min_confidence: 0.7, entities: {US_SSN: {action: block}}}}\n")
    entity = resolve(document, application="", route="").targets["request.user"].entities["US_SSN"]

    assert (entity.action, entity.min_confidence) == (Action.BLOCK, 0.7)


def test_family_that_is_off_does_not_run():
    """`off` takes the family out of the plan."""
    document = read("families: {pii: {action: 'off'}, secret: {}}\n")

    assert {"limits", "secret"} == set(resolve(document, application="", route="").targets["request.user"].families)
