"""hotdesk: keep several PCs the same. The layers, lowest first, are drawn in docs/architecture.md."""

__version__ = "0.1.0"
