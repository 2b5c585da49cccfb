/* SPDX-License-Identifier: Apache-2.0 */
/* The layer behind a loop over poll(2), serving what it understood. */
#include "config.h"

#include "fcgi/echo.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES (1024 * 1024)

static volatile sig_atomic_t nsignals;

const char *echo_read_name(enum fcgi_read read)
{
	static const char *const names[] = {
	    [FCGI_READ_REQUEST] = "request",
	    [FCGI_READ_TOO_LARGE] = "too-large",
	    [FCGI_READ_BAD_LENGTH] = "bad-length",
	    [FCGI_READ_BAD_ROLE] = "bad-role",
	    [FCGI_READ_NONE] = "none",
	    [FCGI_READ_GONE] = "gone",
	};

	return names[read];
}

static void on_signal(int signo)
{
	(void)signo;
	nsignals++;
}

/* `*wait` gets the mask to wait with. */
static void signals_set(enum echo_signals how, sigset_t *wait)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t both;

	sigprocmask(SIG_SETMASK, NULL, wait);
	if (how == ECHO_SIGNALS_LEFT)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (how == ECHO_SIGNALS_OPEN)
		return;
	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGUSR1);
	sigprocmask(SIG_BLOCK, &both, NULL);
}

static bool conn_prepare(int fd, const struct echo_conf *conf)
{
	struct timeval wait = {
	    conf->io_timeout_ms / 1000, conf->io_timeout_ms % 1000 * 1000};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ==
		   0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ==
		   0 &&
	       (conf->send_buffer_bytes == 0 ||
		   setsockopt(fd, SOL_SOCKET, SO_SNDBUF,
		       &conf->send_buffer_bytes,
		       sizeof(conf->send_buffer_bytes)) == 0);
}

static int status_of(enum fcgi_read read)
{
	return read == FCGI_READ_REQUEST     ? 200
	       : read == FCGI_READ_TOO_LARGE ? 413
	       : read == FCGI_READ_BAD_ROLE  ? 501
					     : 400;
}

static struct strv answer(const struct fcgi *fcgi, enum fcgi_read read)
{
	static char text[ANSWER_MAX_BYTES];
	struct strv uri = fcgi_param(fcgi, "REQUEST_URI");
	struct strbuf out;
	uint64_t want;

	strbuf_init(&out, text, sizeof(text));
	strbuf_printf(&out,
	    "Status: %d\r\nX-Read: %s\r\nX-Uri: ", status_of(read),
	    echo_read_name(read));
	strbuf_put(&out, uri);
	strbuf_puts(&out, "\r\n\r\n");
	strbuf_put(&out, fcgi_body(fcgi));
	if (num_parse_u64(fcgi_param(fcgi, "ANSWER_BYTES"), out.n,
		sizeof(text) - 1, &want))
		while (out.n < want)
			strbuf_putc(&out, (char)('a' + out.n % 26));
	return strbuf_view(&out);
}

static bool serve_one(struct fcgi *fcgi, int fd, int report_fd)
{
	struct echo_report report = {.err = ERR_INIT};

	report.read = fcgi_read(fcgi, fd, &report.err);
	report.stands = report.read == FCGI_READ_NONE;
	if (report.read != FCGI_READ_GONE && report.read != FCGI_READ_NONE) {
		bool keep =
		    !strv_eq(fcgi_param(fcgi, "ANSWER_KEEP"), STRV("0"));
		struct strv response = answer(fcgi, report.read);
		int64_t start = mono_ns();

		report.stands = fcgi_finish(fcgi, response, keep);
		report.finish_ns = mono_ns() - start;
	}
	report.nsignals = (uint64_t)nsignals;
	/* Below PIPE_BUF: all of it or nothing. */
	if (report_fd >= 0 &&
	    write(report_fd, &report, sizeof(report)) != sizeof(report))
		abort();
	return report.stands;
}

/* -1 when all are in use. */
static int conn_free(const struct echo_fds *fds)
{
	for (int i = 0; i < ECHO_CONNS; i++)
		if (fds->conns[i] < 0)
			return i;
	return -1;
}

static void conn_accept(const struct echo_conf *conf, struct echo_fds *fds)
{
	int i = conn_free(fds);

	fds->conns[i] = accept4(fds->listen, NULL, NULL, SOCK_CLOEXEC);
	if (fds->conns[i] >= 0 && !conn_prepare(fds->conns[i], conf)) {
		close(fds->conns[i]);
		fds->conns[i] = -1;
	}
}

/* One round; false when the lifeline has ended. */
static bool serve_round(struct fcgi *fcgi, const struct echo_conf *conf,
    struct echo_fds *fds, const sigset_t *wait)
{
	struct pollfd polls[2 + ECHO_CONNS] = {
	    {.fd = fds->lifeline, .events = POLLIN},
	    {.fd = conn_free(fds) < 0 ? -1 : fds->listen, .events = POLLIN},
	};

	for (int i = 0; i < ECHO_CONNS; i++)
		polls[2 + i] =
		    (struct pollfd){.fd = fds->conns[i], .events = POLLIN};
	if (ppoll(polls, 2 + ECHO_CONNS, NULL, wait) < 0)
		return errno == EINTR;
	for (int i = 0; i < ECHO_CONNS; i++)
		if (polls[2 + i].revents != 0 &&
		    !serve_one(fcgi, fds->conns[i], fds->report))
			fds->conns[i] = -1;
	if (polls[1].revents != 0)
		conn_accept(conf, fds);
	return polls[0].revents == 0;
}

bool echo_serve(
    const struct echo_conf *conf, struct echo_fds *fds, struct err *err)
{
	struct fcgi *fcgi = fcgi_new(&conf->limits, err);
	sigset_t wait;

	if (fcgi == NULL)
		return false;
	for (int i = 0; i < ECHO_CONNS; i++)
		if (fds->conns[i] >= 0 && !conn_prepare(fds->conns[i], conf)) {
			err_set_errno(err, "echo: a connection's options");
			fcgi_free(&fcgi);
			return false;
		}
	signals_set(conf->signals, &wait);
	while (serve_round(fcgi, conf, fds, &wait))
		;
	fcgi_free(&fcgi);
	return true;
}
