"""`sidecar bench`: questions about speed and accuracy, each answered by a run; the harness is in `benchmarks/`."""

from __future__ import annotations

import importlib

import click

# Question to the module that answers it; each has a click command named as here.
_QUESTIONS = {
    "scan": "benchmarks.scan",
    "check": "benchmarks.check",
    "batch": "benchmarks.batch",
    "extproc": "benchmarks.extproc",
    "stream": "benchmarks.stream",
    "perimeter": "benchmarks.perimeter",
    "startup": "benchmarks.startup",
    "memory": "benchmarks.memory",
    "scaling": "benchmarks.scaling",
    "accuracy": "benchmarks.accuracy",
    "ner": "benchmarks.ner",
    "pii": "benchmarks.pii",
    "compare": "benchmarks.compare",
    "profile": "benchmarks.profile",
    "results": "benchmarks.results",
}


class _Questions(click.Group):
    """A group whose commands live in `benchmarks/`, beside what they saved."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        del ctx
        return list(_QUESTIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        module = _QUESTIONS.get(cmd_name)
        if module is None:
            return None
        try:
            command: click.Command = getattr(importlib.import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("benchmarks"):
                ctx.fail("the harness is not part of the installed package; run this in a checkout")
            ctx.fail(f"needs `{error.name}`; install the extra: pip install 'portcullis-sidecar[bench]'")
        return command


@click.group(cls=_Questions)
def bench() -> None:
    """Measure; every figure stands beside its no-op twin and its peers from the same run.

    \b
    Examples:
      sidecar bench scan --quick                a first look, in half a minute
      sidecar bench check --json out/a.json     tables here, JSON and pictures on disk
      sidecar bench compare out/a.json out/b.json
      sidecar bench results                     all of it, and benchmarks/RESULTS.md

    \b
    Exit codes: 0 measured; 1 a part could not be measured (the rest is shown), or `compare` found something worse.
    """
