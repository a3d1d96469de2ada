"""Makes the files of a project and of its steps."""
