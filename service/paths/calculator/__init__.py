"""Calculator: checks the equations of a rationale and repairs false results."""
