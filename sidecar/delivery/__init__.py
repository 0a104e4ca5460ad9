"""How rules reach a running sidecar: gates that a bundle must pass, where it comes from, what stands beside it."""
