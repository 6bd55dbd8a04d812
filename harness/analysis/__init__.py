"""Work on text that other people wrote, in processes with limits of their own (``harness.analysis.helper_process``)."""
