"""Warnings that stand beside a name. This file imports nothing heavy."""

NOT_EVIDENCE = "drawn faces: not evidence for the method"
OPTIMISTIC = "optimistic: checkpoint chosen on the test images"


def marked(name: str, evidence: bool, selected_on: str) -> str:
    """The name with its warnings in brackets, where there are any."""
    marks = [] if evidence else [NOT_EVIDENCE]
    marks += [OPTIMISTIC] if selected_on == "test" else []
    return f"{name} ({'; '.join(marks)})" if marks else name
