"""What a customer's message holds."""
