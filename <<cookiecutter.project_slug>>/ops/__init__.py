"""What ``make`` calls: ``python -m ops VERB``."""
