# sale: tests
