"""Prompt formats, and parsers for rationales, programs and answers."""
