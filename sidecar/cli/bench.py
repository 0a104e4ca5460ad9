"""`sidecar bench`: questions about speed and accuracy, each answered by a run; the harness is in `benchmarks/`."""

from __future__ import annotations

import importlib

import click

# Question to the module that answers it; each has a click command named as here.
_QUESTIONS = {
    "overview": "benchmarks.overview",
    "check": "benchmarks.check",
    "extproc": "benchmarks.extproc",
    "streaming": "benchmarks.streaming",
    "accuracy": "benchmarks.accuracy",
    "ner": "benchmarks.ner",
    "pii": "benchmarks.pii",
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


@click.group(cls=_Questions, invoke_without_command=True)
@click.pass_context
def bench(ctx: click.Context) -> None:
    """Measure; every figure stands beside its no-op twin from the same run.

    \b
    Examples:
      sidecar bench                    the overview: scan time, Check and ext_proc rates
      sidecar bench overview --seconds 5 --json out/overview.json
    """
    if ctx.invoked_subcommand is None:
        command = bench.get_command(ctx, "overview")
        assert command is not None
        ctx.invoke(command)
