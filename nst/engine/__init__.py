"""The method: encoders, losses, and the loop that paints. It knows no files and no network."""
