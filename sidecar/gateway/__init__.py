"""The batteries-included front: Envoy in front of an upstream, its ext_proc filter pointing at the sidecar."""
