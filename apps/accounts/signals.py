"""What other apps may want to know of: sent inside the transaction of the change."""

from django.dispatch import Signal

# Sent with team=Team, actor=Actor after a team has been made.
team_created = Signal()
