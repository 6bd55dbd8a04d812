"""Tests of the HTTP service, from its queue to a real server with third-party clients."""
