"""Everything syncd remembers, in one database; SQLite and PostgreSQL alike."""
