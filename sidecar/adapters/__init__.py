"""Shells: wire messages to core calls and back."""
