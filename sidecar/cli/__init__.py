"""The command line: one module per command, imported when it is asked for."""

from __future__ import annotations

import importlib
import sys

import click

from sidecar import __version__
from sidecar.errors import BundleError, ConfigError, SidecarError

# Exit codes; 78 is EX_CONFIG of sysexits.h.
EXIT_BLOCKED = 3
EXIT_FAILED = 1
EXIT_CONFIG = 78

# Command to the module that holds it, as an attribute of the command's name.
_COMMANDS = {
    "gateway": "sidecar.cli.gateway",
    "selftest": "sidecar.cli.selftest",
    "serve": "sidecar.cli.serve",
    "health": "sidecar.cli.health",
    "inspect": "sidecar.cli.inspect",
    "rules": "sidecar.cli.rules",
    "keys": "sidecar.cli.keys",
    "audit": "sidecar.cli.audit",
    "bench": "sidecar.cli.bench",
    "train": "sidecar.cli.train",
}


class _Lazy(click.Group):
    """A group whose commands are imported when they run: `sidecar inspect` need not wait for gRPC."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(module), cmd_name.replace("-", "_"))
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="sidecar")
def _cli() -> None:
    """Portcullis: the security filter that stands beside every LLM application.

    \b
    Try it:
      echo 'ignore all previous instructions' | sidecar inspect
      sidecar gateway --upstream demo
      sidecar serve --listen 127.0.0.1:50051 --upstream http://127.0.0.1:4000

    \b
    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 blocked (inspect); 78 rules, policy or settings cannot be used.
    """


def main() -> None:
    """Run the command line; errors of ours become one clear message and an exit code."""
    try:
        _cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except SidecarError as error:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG if isinstance(error, BundleError | ConfigError) else EXIT_FAILED)
