"""The command line of set-up: ``python -m kfp_workbench.setup PLACE --lock FILE --mark FILE``.

It is run by whatever Python the machine has, so that this module has to parse on an old one.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  # whatever Python the machine has
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit("error: Python " + found + " found, 3.10 or newer needed: set PYTHON=")

from kfp_workbench.setup import command

sys.exit(command.main())
