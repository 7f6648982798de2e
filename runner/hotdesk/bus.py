"""One stream of events, any number of subscribers. A subscriber is any callable; it must not block."""

from __future__ import annotations

import logging
from collections.abc import Callable

from hotdesk.events import Event

Subscriber = Callable[[Event], None]
log = logging.getLogger(__name__)


class Bus:
    """Hands every event to every subscriber, in order, at once. A broken subscriber is dropped and named, the run goes on."""

    def __init__(self, *subscribers: Subscriber) -> None:
        self._subscribers = list(subscribers)

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)

    def emit(self, event: Event) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # whatever an observer does, it must not end the run it observes
                self._subscribers.remove(subscriber)
                log.exception("an event subscriber failed and was dropped: %r", subscriber)
