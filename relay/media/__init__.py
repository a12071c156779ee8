"""Files: kinds, ranges, streams, and the confined processes that look at them."""
