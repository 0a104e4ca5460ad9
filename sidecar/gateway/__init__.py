"""The batteries-included front: Envoy with its ext_proc filter pointing at the sidecar, before an upstream."""
