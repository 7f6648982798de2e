from tests.unit.machines import link, make_machine

__all__ = ["link", "make_machine"]
