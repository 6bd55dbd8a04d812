"""Work in several processes at once, and what to do when the machine fails."""
