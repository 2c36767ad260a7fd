"""Pictures in and out: opening safely, and what is taken home."""
