"""Programs of ours that run in the jail, in front of the program that is asked for."""
