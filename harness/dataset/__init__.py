"""From natural codes to a dataset: corpora in, filters, validation, retention, export, report."""
