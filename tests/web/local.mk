# web: tests
