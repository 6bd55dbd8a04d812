"""Parallel work in several processes, and the handling of machine faults."""
