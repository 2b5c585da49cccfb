# it: tests
