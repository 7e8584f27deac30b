"""Program: blocks of code in a text, and their source."""
