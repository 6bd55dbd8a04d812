"""The HTTP service: SandboxFusion's and Piston's HTTP APIs and our own, over one sandbox pool.

Three layers, each of which knows only those below it: transport (``app``, ``guard``, ``dialects``), pool (``pool``,
``fair_queue``: which run is next, and which request is refused), engine. Needs the extra ``[serve]``.
"""
