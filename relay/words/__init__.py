"""Every line of the relay's own that a customer or an agent reads, in each language that there is."""
