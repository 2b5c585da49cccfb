# ledger: tests
