"""What W&B clients do with artifacts: log, use, link, name, edit, read, delete.

Plain functions over the domain's services; `types` puts them behind GraphQL fields.
"""
