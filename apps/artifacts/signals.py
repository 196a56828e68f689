"""What other apps may want to know of: sent inside the transaction of the change."""

from django.dispatch import Signal

# Sent with version=Version after an artifact version has got a number in a collection.
version_linked = Signal()

# Sent with version=Version after a version has been taken out of its collection.
version_deleted = Signal()

# Sent with artifact=ArtifactVersion, access=Access after a sealed artifact version's metadata have
# been changed (and once after it has been sealed with some).
metadata_changed = Signal()

# Sent with run=Run, artifact=ArtifactVersion, access=Access after a run has used one that it had
# not used before.
artifact_used = Signal()
