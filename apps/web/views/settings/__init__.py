"""The settings of a team and of a project: who may do what, and by which words."""
