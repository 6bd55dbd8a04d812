"""The HTTP dialects that the service speaks, a file per dialect."""
