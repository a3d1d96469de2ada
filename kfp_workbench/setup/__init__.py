"""Environments of Python, from lock files: made whole or not at all, and asked what they hold.

Python's standard library only: ``make`` runs this before anything is installed.
"""
