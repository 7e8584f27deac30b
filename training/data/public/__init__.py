"""Public data sets: registry, download, conversion and files in `data/public/`."""
