"""The exceptions that commands turn into a line and exit code 2."""


class NaspError(ValueError):
    """A mistake in what the user gave: the message says what is wrong, where, and what to do."""


class Diverged(NaspError):
    """A training whose numbers are no longer finite. Where there are several, the others go on."""
