"""`python -m pipeline <stage>`: what dvc.yaml calls, so that a queued experiment runs its own code."""

from pipeline.app import main

main()
