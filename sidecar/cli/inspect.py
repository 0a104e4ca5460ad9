"""`sidecar inspect`: what the filter says of a text."""
