"""What has to stand beside a number wherever it is shown."""

# On which images a model's epoch was chosen.
VAL, TEST = "val", "test"
NOT_EVIDENCE = "drawn faces: not evidence for the method"
OPTIMISTIC = "optimistic: checkpoint chosen on the test images"


def marked(name: str, evidence: bool, selected_on: str) -> str:
    """The name with its warnings in brackets, where there are any."""
    marks = [] if evidence else [NOT_EVIDENCE]
    marks += [OPTIMISTIC] if selected_on == TEST else []
    return f"{name} ({'; '.join(marks)})" if marks else name
