# pool: tests
