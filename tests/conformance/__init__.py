"""Holds local runs to what a real KFP backend did with the same small pipelines."""
