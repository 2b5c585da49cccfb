# prog: tests
