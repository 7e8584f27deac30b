"""The sandbox: where programs of thought run."""
