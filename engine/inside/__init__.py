"""What runs inside the jail: standard library only, mounted there read-only, importing nothing of the outside."""
