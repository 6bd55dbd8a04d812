"""One test for each line of the list of hostile programs (sections A to G), named by its id: ``test_a01_...``."""
