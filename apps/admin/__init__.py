"""The Django admin, a door for curators: lists, filters and bulk actions over what a team keeps.

It has no rights of its own. Who enters is told by the access policy, what is listed by the same
queries as everywhere, and every change is a call of the service that the pages and the API call.
"""
