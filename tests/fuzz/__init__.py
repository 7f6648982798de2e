"""Broken input of every kind, made by the thousand: each must end in one of our errors with a place, in time.

``doors`` lists the ways in, ``grammar`` makes valid input, ``mutation`` spoils it, ``judge`` says what is a fault. What was once found
lies in ``corpus/DOOR/``. ``make test`` runs a bounded, repeatable share; ``python -m tests.fuzz --minutes 30`` goes on looking.
"""
