from tests.unit.machines import link, make_machine, own_lock

__all__ = ["link", "make_machine", "own_lock"]
