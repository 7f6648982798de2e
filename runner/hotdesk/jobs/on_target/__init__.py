"""What sync jobs run on a PC, in its agent: standard library only, Python 3.8 or newer, each file sent as it stands."""
