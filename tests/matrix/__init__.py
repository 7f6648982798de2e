"""The fault matrix: every fault with every kind of work, judged from outside. The table is data.

To add a fault, append a ``Fault`` (``fault.py``) to ``FAULTS`` (``faults.py``, or a file of its own that ``faults.py`` puts into the table):
``strike`` does it when ``ready``, ``mend`` undoes it, ``bound``, ``code``, ``faulted`` and ``others`` say what must be seen. For a fault of one PC
set ``one_host``: it strikes ``scene.faulted``, and the others' gates are opened so that they finish. To add a kind of work, append a ``Work`` to
``WORKS`` (``works.py``): its task, held back by ``cat GATE``, the ``signs`` that it is under way, and what must be true of its files ``after`` the
fault and when the next run is ``done``. A cell that makes no sense, or that cannot hold and is a limit of docs/guarantees.md, is left out by
``Cell.senseless`` or the fault's own, with its reason.

``python -m tests.matrix --only SIGINT/command`` plays one cell, ``--only SIGINT`` all of a fault, ``--only /apt`` all of a kind of work.
"""
