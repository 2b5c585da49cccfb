/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams for systemd. */
#include "config.h"

#include "pool/notify.h"
#include "pool/stop.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Beside grace and KILL: what a master needs to tidy up. */
#define NOTIFY_SPARE_MS 5000

/* sd_notify(3): a path, or an abstract name after an '@'. */
static bool address_of(
    const char *name, struct sockaddr_un *addr, socklen_t *len)
{
	size_t n = strlen(name);

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((name[0] != '/' && name[0] != '@') || n < 2 ||
	    n >= sizeof(addr->sun_path))
		return false;
	memcpy(addr->sun_path, name, n);
	if (name[0] == '@')
		addr->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

/* 0: none, or not for us (sd_watchdog_enabled(3)). */
static int64_t watchdog_ns(void)
{
	const char *pid_text = getenv("WATCHDOG_PID");
	uint64_t usec, pid;

	if (!num_parse_u64(strv_c(getenv("WATCHDOG_USEC")), 1,
		INT64_MAX / NS_PER_US, &usec))
		return 0;
	if (pid_text != NULL &&
	    (!num_parse_u64(strv_c(pid_text), 1, INT32_MAX, &pid) ||
		(pid_t)pid != getpid()))
		return 0;
	return (int64_t)usec * NS_PER_US / 2;
}

void pool_notify_open(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr;
	socklen_t len;

	*notify = (struct notify){.fd = -1};
	if (name == NULL || name[0] == '\0')
		return;
	if (!address_of(name, &addr, &len)) {
		log_warning("NOTIFY_SOCKET=%s is not a socket: ignored", name);
		return;
	}
	notify->fd =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd < 0 ||
	    connect(notify->fd, (const struct sockaddr *)&addr, len) != 0) {
		log_warning("NOTIFY_SOCKET=%s: errno %d", name, errno);
		pool_notify_close(notify);
		return;
	}
	notify->watchdog_ns = watchdog_ns();
	notify->feed_ns = notify->status_ns = mono_ns();
}

void pool_notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

static void say(const struct notify *notify, const char *text)
{
	static struct log_rate rate;
	size_t n = strlen(text);

	if (notify->fd >= 0 &&
	    send(notify->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		log_limited(&rate, LOG_LEVEL_WARNING,
		    "systemd does not take our messages (errno %d)", errno);
}

static void say_one(
    const struct notify *notify, const char *variable, const char *value)
{
	char bytes[768];
	struct strbuf text;

	/* Cut is good enough for a line that people read.  It may quote a file
	 * or a store: a newline would begin another variable, as MAINPID=, and
	 * systemd drops a text that is not UTF-8. */
	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text, "%s=%s", variable, value);
	for (char *at = text.p; *at != '\0'; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
		else if ((unsigned char)*at >= 0x7f)
			*at = '?';
	say(notify, text.p);
}

void pool_notify_ready(struct notify *notify)
{
	say(notify, "READY=1");
	notify->ready = true;
	notify->status_ns = mono_ns();
	/* Its clock begins with READY=1; a child that has just said so itself
	 * may not have got to its first wait. */
	notify->feed_ns = notify->status_ns + notify->watchdog_ns;
}

void pool_notify_reloading(struct notify *notify)
{
	char bytes[80];
	struct strbuf text;

	if (!notify->ready)
		return;
	/* Type=notify-reload takes no READY=1 that is older than this. */
	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    mono_ns() / NS_PER_US);
	say(notify, text.p);
}

void pool_notify_reloaded(struct notify *notify)
{
	/* systemd waits for the word, and asks for no verdict with it: that
	 * stands in the status, said in the same turn. */
	if (notify->ready)
		pool_notify_ready(notify);
}

void pool_notify_main(struct notify *notify, pid_t pid)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", (long)pid);
	if (notify->fd >= 0)
		say_one(notify, "MAINPID", text);
}

void pool_notify_stopping(struct notify *notify, unsigned grace_ms)
{
	char bytes[128];
	struct strbuf text;

	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text,
	    "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%" PRIu64,
	    ((uint64_t)grace_ms + STOP_KILL_MS + NOTIFY_SPARE_MS) * 1000);
	say(notify, text.p);
}

void pool_notify_soon(struct notify *notify)
{
	notify->status_ns = 0;
}

void pool_notify_status(struct notify *notify, const char *text)
{
	say_one(notify, "STATUS", text);
}

/* ---- by the clock -------------------------------------------------------- */

struct tally {
	unsigned waiting, busy;
	uint64_t served;
};

static struct tally count(const struct notify_facts *facts)
{
	struct tally tally = {0};
	struct board_view view;

	for (size_t i = 0; i < facts->nslots; i++) {
		pool_board_view(facts->board, i, &view);
		tally.served += view.requests_total;
		if (view.state == BOARD_IDLE || view.state == BOARD_KEEP)
			tally.waiting++;
		else if (view.state == BOARD_BUSY)
			tally.busy++;
	}
	return tally;
}

static void status_say(struct notify *notify, const struct notify_facts *facts,
    const struct tally *tally)
{
	char bytes[700];
	struct strbuf text;

	strbuf_init(&text, bytes, sizeof(bytes));
	if (facts->alarm != NULL)
		strbuf_printf(&text, "%s; ", facts->alarm);
	strbuf_printf(&text, "%u busy, %u idle, %" PRIu64 " requests",
	    tally->busy, tally->waiting, tally->served);
	if (facts->reload_failed != NULL)
		strbuf_printf(&text, "; the last reload failed: %s",
		    facts->reload_failed);
	pool_notify_status(notify, text.p);
}

static bool makes_progress(const struct notify *notify,
    const struct notify_facts *facts, const struct tally *tally)
{
	return facts->resting ||
	       (facts->alive > 0 && (facts->nslots == 0 || tally->waiting > 0 ||
					tally->served != notify->served));
}

static void feed(struct notify *notify, const struct notify_facts *facts,
    const struct tally *tally)
{
	if (makes_progress(notify, facts, tally))
		say(notify, "WATCHDOG=1");
	else
		log_warning("no worker makes progress: systemd's watchdog is "
			    "not fed");
	notify->served = tally->served;
	notify->feed_ns = facts->now_ns + notify->watchdog_ns;
}

int64_t pool_notify_turn(
    struct notify *notify, const struct notify_facts *facts)
{
	bool fed = notify->watchdog_ns > 0;
	struct tally tally;

	/* systemd starts to watch with READY=1. */
	if (notify->fd < 0 || !notify->ready)
		return INT64_MAX;
	if (facts->now_ns >= notify->status_ns ||
	    (fed && facts->now_ns >= notify->feed_ns)) {
		tally = count(facts);
		if (fed && facts->now_ns >= notify->feed_ns)
			feed(notify, facts, &tally);
		if (facts->now_ns >= notify->status_ns) {
			status_say(notify, facts, &tally);
			notify->status_ns =
			    facts->now_ns + NOTIFY_STATUS_MS * NS_PER_MS;
		}
	}
	return fed && notify->feed_ns < notify->status_ns ? notify->feed_ns
							  : notify->status_ns;
}
