"""Heavy third-party engines behind the core's protocols; each module is imported only by the composition root."""
