"""Test inputs for a problem: their sources and the order in which they are tried."""
