"""What other apps may want to know of: sent inside the transaction of the change."""

from django.dispatch import Signal

# Sent with artifact=ArtifactVersion, results=list[Result] after results have been recorded.
results_recorded = Signal()
