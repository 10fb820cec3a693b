"""`python -m pipeline <stage>`, as dvc.yaml calls it: a queued experiment runs its own code."""

import signal

# until a command has begun there is nothing to put in order, and an import is no place for an error
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from pipeline.app import main

main()
