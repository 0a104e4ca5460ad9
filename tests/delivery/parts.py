"""A small bundle, a policy that compiles in milliseconds, and a listener that remembers."""

import asyncio
from pathlib import Path

from sidecar.app import Live, load_files
from sidecar.backends.signing import new_key, read_ring, read_signer
from sidecar.core.filter import Unobserved
from sidecar.delivery.build import Gates, Offer, Terms, build, build_apart
from sidecar.delivery.fleet import Fleet
from sidecar.delivery.keeper import Keeper
from sidecar.delivery.shadow import ShadowingObserver
from sidecar.delivery.store import Store
from sidecar.rules.shipping import Envelope, Trust, describe, sign
from sidecar.settings import Options
from tests.rules.test_lint import MANIFEST, RULE, TAGS

POLICY = "schema: 1\nname: small\nthreshold: {action: 'off'}\nfamilies: {injection: {action: rule}}\n"


def bundle(version="1.0.0", *, verdict="flag", rule=RULE):
    """Return the files of a bundle with one rule."""
    return {
        "bundle.yaml": MANIFEST.replace(b"1.0.0", version.encode()),
        "TAGS.yaml": TAGS,
        "injection/injection-sample.yaml": rule.replace("verdict: flag", f"verdict: {verdict}").encode(),
    }


class Listener:
    """Remembers what it was told."""

    def __init__(self):
        self.reports, self.changes = [], []

    def rules_changed(self, report, snapshot):
        self.reports.append((report.outcome, snapshot.bundle.rule_set.version))

    def verdicts_differ(self, change):
        self.changes.append(change)


def _build_here(files, policy, seconds):
    """Build in this process: the same gates, without starting Python anew each time."""
    build(files, Options(policy=policy))


class Bench:
    """A keeper over a folder, and what is around it."""

    def __init__(
        self,
        folder: Path,
        *,
        required=False,
        threshold=1,
        seconds=60.0,
        apart=False,
        adopts=True,
        keys=None,
        clock=1_800_000_000.0,
    ):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)
        for name in ("ada", "bob"):
            if not (folder / name).exists():
                new_key(folder / name)
        self.options = Options(policy=str(self.policy))
        self.listener = Listener()
        self.observer = ShadowingObserver(Unobserved())
        self.live = Live(self.load(bundle(), observed=True))
        self.terms = Terms(
            Trust(required=required, threshold=threshold),
            read_ring(keys or [folder / "ada.pub", folder / "bob.pub"]),
            seconds,
        )
        self.store = Store(folder / "store")
        self.keeper = Keeper(
            self.live,
            self.observer,
            self.terms,
            Gates(str(self.policy), build_apart if apart else _build_here, self.load),
            listener=self.listener,
            clock=lambda: clock,
            store=self.store,
        )
        self.fleet = Fleet(self.keeper)
        if adopts:
            self.keeper.adopt(self.offer(bundle()))

    def load(self, files, observed):
        return load_files(files, self.options, self.observer if observed else None)

    def offer(self, files, *keys):
        """Return an offer, signed by the keys that are named."""
        envelope = Envelope(describe(files)) if keys else None
        for key in keys:
            envelope = sign(envelope, read_signer(self.folder / key))
        return Offer(files, envelope, "a test")

    @property
    def version(self):
        return self.live.current().bundle.rule_set.version

    def verdict(self, text="please open sesame"):
        return self.live.current().filter().check_text(text).decision.verdict.label


async def until(condition):
    """Wait until something holds; twenty seconds at most."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")
