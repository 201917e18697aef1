"""The page of a sweep."""

NAME = "report.html"


def render(parent, trials, best, status):  # type: ignore
    return "todo"
