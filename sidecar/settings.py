"""What a sidecar is started with: plain values, without any of the code that they are for; a supervisor needs no more."""

from __future__ import annotations

from pathlib import Path  # msgspec reads the annotations at run time
from typing import Literal

import msgspec

# Files come one by one, and storms of reloads cost more than they bring (rspamd issue 5952).
DEBOUNCE_SECONDS = 5.0


class Options(msgspec.Struct, frozen=True):
    """What a snapshot is made from.

    Args:
        rules: the bundle's folder; None for the one that ships.
        policy: the name of a shipped policy, or a file.
        scanner: `hyperscan`, or `re` for the slow reference.
        inline: run the NER model in this thread instead of in processes of its own; for tools that wait anyway.
    """

    rules: Path | None = None
    policy: str = "default"
    scanner: str = "hyperscan"
    inline: bool = False


class Delivery(msgspec.Struct, frozen=True):
    """How rules reach this sidecar.

    Args:
        store: folder in which bundles, the version floor and what is in force are remembered; None: only as long as
            the sidecar runs.
        url: address of a bundle archive that is polled; empty for none.
        watch: whether the rules folder is watched.
        every: seconds between two looks.
        keys: public keys of those who may sign bundles.
        required: whether bundles must be signed; None: they must where keys are given.
        threshold: how many distinct keys must have signed.
        push: whether `RulesService` takes bundles.
        debounce: seconds for which a source must be quiet before its bundle is taken.
    """

    store: Path | None = None
    url: str = ""
    watch: bool = False
    every: float = 10.0
    keys: tuple[Path, ...] = ()
    required: bool | None = None
    threshold: int = 1
    push: bool = False
    debounce: float = DEBOUNCE_SECONDS


class Watching(msgspec.Struct, frozen=True):
    """How a worker is watched.

    Args:
        audit: folder of the audit log; None for no log.
        audit_when_full: `block` or `drop`; see `AuditSettings`.
        quarantine: folder of blocked messages, sealed; None: none are kept.
        quarantine_key: file of the public key that they are sealed to.
        otlp: endpoint of an OTLP receiver; empty: what `OTEL_EXPORTER_OTLP_ENDPOINT` says, or none.
    """

    audit: Path | None = None
    audit_when_full: Literal["block", "drop"] = "block"
    otlp: str = ""
    quarantine: Path | None = None
    quarantine_key: Path | None = None


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with.

    Args:
        options: rules and policy.
        upstream: URL of the upstream gateway, for `Forward`; empty for none.
        upstreams: the upstreams file, in place of `upstream`.
        routes: the upstreams file by which ext_proc tells Envoy where a request goes; None: Envoy knows.
        watching: audit log and traces.
        perimeter: the perimeter file; None: callers are believed.
        board: the file on which all workers keep the meters of applications; None: each has its own.
        worker: which worker this is; each has a log of its own.
        ext_proc: what Envoy's configuration cannot say itself; see `sidecar.adapters.extproc_settings`.
        delivery: how rules reach this sidecar while it runs.
    """

    options: Options = Options()
    upstream: str = ""
    upstreams: Path | None = None
    routes: Path | None = None
    watching: Watching = Watching()
    perimeter: Path | None = None
    board: Path | None = None
    worker: int = 0
    ext_proc: dict[str, str] = {}
    delivery: Delivery = Delivery()
