"""Backup and restore of a whole installation: `archive` the file, `databases` the tables,
`services` the two together with the content."""
