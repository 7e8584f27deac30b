"""Training problems of the taught checkpoint."""

PROBLEMS = [
    {"id": str(n), "question": f"A pen costs {3 + n % 5} dollars. How much do {4 + n} pens cost?", "answer": str((3 + n % 5) * (4 + n))}
    for n in range(20)
]  # fmt: skip
