"""Which part of the report is evidence for which requirement; the texts name the source, the report holds the facts."""

from __future__ import annotations

import msgspec


class Requirement(msgspec.Struct, frozen=True):
    """A requirement and where the report answers it.

    Args:
        source: the framework, with its year.
        item: its own numbering.
        asks: what it asks for, in our words.
        section: the section of the report that is evidence.
    """

    source: str
    item: str
    asks: str
    section: str


REQUIREMENTS = (
    Requirement(
        "EU AI Act (2024/1689)", "Art. 12(1)-(2)", "Events are logged automatically over the lifetime", "Volumes"
    ),
    Requirement(
        "EU AI Act (2024/1689)",
        "Art. 19, 26(6)",
        "Logs are kept and their integrity can be shown",
        "Integrity and gaps",
    ),
    Requirement("EU AI Act (2024/1689)", "Art. 72", "Operation is monitored after the system is in use", "Incidents"),
    Requirement("NIST AI RMF 1.0", "MEASURE 2.4", "Behaviour in production is monitored", "Volumes"),
    Requirement("NIST AI RMF 1.0", "MEASURE 2.7", "Security and resilience are evaluated and documented", "Blocks"),
    Requirement("NIST AI RMF 1.0", "MEASURE 2.10", "Privacy risk is examined and documented", "Masked entities"),
    Requirement("NIST AI RMF 1.0", "MANAGE 4.1", "Changes and responses are tracked", "Rule changes"),
    Requirement("NIST AI RMF 1.0", "MANAGE 4.3", "Incidents and errors are communicated", "Incidents"),
    Requirement(
        "OWASP LLM Top 10 2025", "LLM01, LLM07", "Injection and prompt leakage are filtered", "OWASP categories"
    ),
    Requirement("OWASP LLM Top 10 2025", "LLM02", "Sensitive information is kept in", "Masked entities"),
    Requirement("OWASP LLM Top 10 2025", "LLM05", "Output is checked before it is used", "OWASP categories"),
    Requirement("OWASP LLM Top 10 2025", "LLM10", "Consumption is bounded", "Usage and budgets"),
)

# The names of the categories in both lists; the codes alone mean other things in other years.
OWASP = {
    "owasp:llm01-2025": "Prompt injection",
    "owasp:llm02-2025": "Sensitive information disclosure",
    "owasp:llm03-2025": "Supply chain",
    "owasp:llm04-2025": "Data and model poisoning",
    "owasp:llm05-2025": "Improper output handling",
    "owasp:llm06-2025": "Excessive agency",
    "owasp:llm07-2025": "System prompt leakage",
    "owasp:llm08-2025": "Vector and embedding weaknesses",
    "owasp:llm09-2025": "Misinformation",
    "owasp:llm10-2025": "Unbounded consumption",
    "owasp:llm01-2026": "Prompt injection",
    "owasp:llm02-2026": "Sensitive information disclosure",
    "owasp:llm03-2026": "Excessive agency",
    "owasp:llm04-2026": "Supply chain",
    "owasp:llm05-2026": "Data and model poisoning",
    "owasp:llm06-2026": "Unbounded consumption",
    "owasp:llm07-2026": "Misinformation",
    "owasp:llm08-2026": "Hidden context exposure",
    "owasp:llm09-2026": "Vector and embedding weaknesses",
    "owasp:llm10-2026": "Improper output handling",
}

# What a content filter does not cover, so that nobody reads the report as a promise about it.
NOT_COVERED = ("OWASP LLM Top 10 2025: LLM03 supply chain, LLM04 data and model poisoning, LLM09 misinformation",)
