"""Other filters, measured in the same run as ours."""
