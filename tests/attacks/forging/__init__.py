"""Programs that do not solve the problem and try to be accepted: one a file, in ``function`` and ``stdin``."""
