"""Into the bin, back out of it, or out of it for good; each of them one event.

Locks are taken as artifacts.services says, with what lies around them first: label, project, run,
artifact version, collection, version, and the audit chain last. Whoever gets the row first decides:
the other looks at it again after the wait.
"""
