"""The demo's page: a phone, a desk, and the real relay between them, as a browser sees them."""
