# ledger: tests
EXTRA_DIST += sql/README sql/users.sql.example
