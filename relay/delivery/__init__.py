"""What goes out: couriers, what they do with a delivery, and when."""
