# fcgi: tests
