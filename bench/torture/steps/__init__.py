"""Every way to change something, one call each, and what there is to see after it.

A step is done undisturbed first; whatever a fault does to it, the answer and what is there to see
must be the same in the end. `replies` holds that every script that changes anything has its step.
"""

from bench.torture.steps import accounts, bookings, organizers, places

STEPS = [*bookings.STEPS, *places.STEPS, *organizers.STEPS, *accounts.STEPS]
