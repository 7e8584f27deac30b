"""Files for production, and the code that generates and checks them."""
