"""`sidecar rules`: lint, test and explain rules."""
