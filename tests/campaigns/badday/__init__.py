"""The worst day, played."""
