/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi-echo SOCKET: the echo (echo.h) behind a Unix socket of its own, until a
 * signal ends it.  Prints "ready PID" once it listens.
 */
#include "config.h"

#include "fcgi/echo.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

static const struct echo_conf conf = {
    .limits = {65536, 16384},
    .io_timeout_ms = 5000,
};

int main(int argc, char *argv[])
{
	struct echo_fds fds = {.lifeline = -1, .report = -1};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct err err = ERR_INIT;

	if (argc != 2 ||
	    !strv_copy(strv_c(argv[1]), sa.sun_path, sizeof(sa.sun_path))) {
		fputs("usage: fcgi-echo SOCKET\n", stderr);
		return EX_USAGE;
	}
	for (int i = 0; i < ECHO_CONNS; i++)
		fds.conns[i] = -1;
	fds.listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds.listen < 0 ||
	    bind(fds.listen, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(fds.listen, 16) != 0) {
		perror(argv[1]);
		return EXIT_FAILURE;
	}
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	if (!echo_serve(&conf, &fds, &err)) {
		fprintf(stderr, "fcgi-echo: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
