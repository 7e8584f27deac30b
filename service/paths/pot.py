"""Program-of-thought paths: the program in a model's text."""
