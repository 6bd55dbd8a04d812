"""Source text that runs in the sandbox, before or in place of the requested program."""
