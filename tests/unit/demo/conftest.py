"""SSH without root."""

from tests.embedded import make_pcs, pcs

__all__ = ["make_pcs", "pcs"]
