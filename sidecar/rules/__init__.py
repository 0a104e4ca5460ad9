"""Rule bundles and policies as values: YAML bytes in, checked values or a list of faults out."""
