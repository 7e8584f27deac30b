"""What runs Twinpath in production, and what generates and checks it."""
