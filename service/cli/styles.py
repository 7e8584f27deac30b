"""Styles of the terminal for the colors of verdicts and grades."""

STYLES = {"green": "green", "blue": "bright_blue", "amber": "yellow", "red": "red", "grey": "grey50"}
"""Style of each color of `words`."""
