"""The stages: each says what it reads, which settings it depends on, and what builds it."""
