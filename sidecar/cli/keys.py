"""`sidecar keys`: API keys for the perimeter file."""

from __future__ import annotations

import secrets

import click

from sidecar.rules.perimeter import hash_key

# 32 random bytes: nobody guesses them, so that a fast hash is enough at rest.
_KEY_BYTES = 32


@click.group()
def keys() -> None:
    """Make API keys for callers."""


@keys.command()
def new() -> None:
    """Make a key: give the key to the caller, and the hash to the perimeter file.

    \b
    Example:
      sidecar keys new
    """
    key = f"pk_{secrets.token_urlsafe(_KEY_BYTES)}"
    click.echo(f"key   {key}")
    click.echo(f"hash  {hash_key(key)}")
