"""btrfs snapshots of PCs: made before and after runs, shown, compared, removed; and subvolumes moved between PCs."""

from hotdesk.snapshots.pcs import Pc, look

__all__ = ["Pc", "look"]
