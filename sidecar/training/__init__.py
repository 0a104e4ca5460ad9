"""Training of the learned parts; nothing here is imported at run time."""
