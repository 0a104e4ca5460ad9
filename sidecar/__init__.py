"""Portcullis: the security filter that stands beside every LLM application."""

__version__ = "0.1.0"
