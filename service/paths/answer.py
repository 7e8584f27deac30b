"""Answers as exact values: what a text, a program or a gold label says, in one form that the vote can compare."""
