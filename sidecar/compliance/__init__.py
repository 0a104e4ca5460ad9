"""The compliance report: what the audit log says about a time, for people who have to answer for it."""
