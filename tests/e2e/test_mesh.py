"""Every way of setting ext_proc up, and every trick that is known against it, through a real Envoy."""
