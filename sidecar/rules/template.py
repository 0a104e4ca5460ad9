"""The beginning of a rule file, every field explained."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.errors import BundleError
from sidecar.rules.bundle import MANIFEST
from sidecar.rules.documents import load
from sidecar.rules.schema import Manifest

_TEMPLATE = """\
schema: 1
id: {rule_id}
version: 1                       # +1 on any change of meaning
title: A few words on what it finds
description: Detects …           # one sentence
status: experimental             # experimental, test, stable (needs two tests of each kind), deprecated
severity: medium                 # informational, low, medium, high, critical
paranoia: 1                      # 1 quiet .. 4 noisy; policies run rules up to their `detect` level
targets: [request.user]          # roles of text: request.*, response.text, …
match:
  any:
    - keywords: [replace me]     # literals of which one must be present; lower case
      regex: 'replace me'        # the second look; bounded quantifiers only, and it must need a keyword
verdict: flag                    # flag, mask or block; the policy may change it
tags: []                         # from TAGS.yaml
falsepositives: []
tests:                           # positives first, numbered 1..n; near misses make the best negatives
  positive:
    - {{id: 1, desc: what this shows, text: 'please replace me'}}
  negative:
    - {{id: 2, desc: near miss, text: 'please keep me'}}
"""


def new_rule(rule_id: str, files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Begin a rule.

    Args:
        rule_id: `<family>-<slug>`.
        files: the bundle's files.

    Returns:
        The new file's path in the bundle, and its content.

    Raises:
        BundleError: no family begins the id, or the id is taken.
    """
    manifest = load(files.get(MANIFEST, b""), MANIFEST, Manifest)
    family = next((name for name in manifest.families if rule_id.startswith(f"{name}-")), None)
    if family is None:
        raise BundleError(f"{MANIFEST}:1: `{rule_id}` begins with no family; known: {', '.join(manifest.families)}")
    path = f"{family}/{rule_id}.yaml"
    if path in files:
        raise BundleError(f"{path}:1: the rule exists")
    return path, _TEMPLATE.format(rule_id=rule_id).encode()
