"""What a step that is debugged finds first among its modules; it needs nothing but Python 3.9."""
