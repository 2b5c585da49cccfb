# gate: tests
