"""A compiled pipeline as a picture."""
