"""What other apps may want to know of: sent inside the transaction of the change."""

from django.dispatch import Signal

# Sent with team=Team, actor=Actor after a team has been made.
team_created = Signal()

# Sent with user=User, team=Team, actor=Actor after a person has been taken out of a team.
member_left = Signal()
