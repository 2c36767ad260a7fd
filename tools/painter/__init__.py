"""Teach the instant painter: photo and any painting in, the photo repainted out, in one pass."""
