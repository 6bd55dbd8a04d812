"""The HTTP service: SandboxFusion's, Piston's and our own words for running programs nobody trusts.

Three layers, each knowing only the one below it: transport (``app``, ``guard``, a file a dialect), pool (``pool``,
``fair_queue``: who runs next, and who is told to come back later), engine. Needs the extra ``[serve]``.
"""
