"""Commands of the command line, one module each. A command parses its options and imports its work when it runs."""
