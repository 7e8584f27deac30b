"""Groups of settings. `service/settings.py` reads them."""
