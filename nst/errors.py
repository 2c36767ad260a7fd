"""Errors whose text can be shown to anyone: what was wrong, what was found, what is allowed."""


class NstError(Exception):
    """Anything this package refuses to do, in one plain sentence."""


class BadInput(NstError):
    """A value, file or picture from outside that cannot be used."""


class WeightsUnavailable(NstError):
    """An encoder whose weights cannot be had now."""
