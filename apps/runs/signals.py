"""What other apps may want to know of: sent inside the transaction of the change."""

from django.dispatch import Signal

# Sent with run=Run, access=Access after a run has ended, and after the summary of one that
# has ended has changed.
run_summarized = Signal()
