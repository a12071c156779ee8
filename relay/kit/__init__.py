"""Everything that speaks Kit's custom channel API."""
