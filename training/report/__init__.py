"""HTML report of a training run: `runs/NAME/report.html`."""
