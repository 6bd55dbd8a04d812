"""The HTTP service, from its queue to a real server and its clients."""
