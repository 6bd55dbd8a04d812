"""``make bench-serve``: the service under load, held against its own document, killed and started again."""
