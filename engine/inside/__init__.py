"""Code that runs inside the jail. It is mounted there read-only and imports only the standard library."""
