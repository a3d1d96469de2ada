"""What terminals are sent."""

import re

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours, and moves of the cursor
