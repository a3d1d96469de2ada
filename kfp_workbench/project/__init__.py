"""What a project's files say, as values that are known to be right."""
