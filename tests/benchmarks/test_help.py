"""Every benchmark says how it is used, and has a form that takes seconds."""

import click
import pytest

from sidecar.cli.bench import _QUESTIONS, bench


@pytest.mark.parametrize("name", _QUESTIONS)
def test_help_shows_examples_line_by_line_and_a_quick_form(name):
    """Examples stand each on a line of its own, and begin as one types them."""
    context = click.Context(bench)
    command = bench.get_command(context, name)

    said = command.get_help(click.Context(command, info_name=name))

    lines = [line.strip() for line in said.splitlines()]
    assert "Examples:" in lines
    assert lines[lines.index("Examples:") + 1].startswith(f"sidecar bench {'check' if name == 'compare' else name}")
    assert name == "compare" or any(line.startswith("--quick") for line in lines)


def test_the_names_are_those_of_the_issue():
    """One name for each question."""
    asked = {"scan", "check", "batch", "extproc", "stream", "startup", "memory", "scaling", "compare", "profile"}

    assert asked | {"accuracy", "pii", "ner", "perimeter", "results"} == set(_QUESTIONS)
