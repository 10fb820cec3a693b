"""`python -m pipeline <stage>`, as dvc.yaml calls it: a queued experiment runs its own code."""

from pipeline.app import main

main()
