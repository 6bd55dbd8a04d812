"""The stages of a build, a file per stage."""
