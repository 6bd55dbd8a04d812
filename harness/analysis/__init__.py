"""Analysis of untrusted text, in processes with resource limits (``harness.analysis.helper_process``)."""
