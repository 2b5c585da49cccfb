/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real Redis that stands still, dies and comes back, over Unix sockets and
 * TCP.  Run by gate_outages.it.
 */
#include "config.h"

#include "rig.h"

#include "gate/gate_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_MS 300 /* how long a call waits for a server that stands still */

static void shell(const char *command)
{
	char line[400];

	snprintf(line, sizeof(line), ". \"$top_srcdir/scripts/servers.sh\"; %s",
	    command);
	ck_assert_int_eq(system(line), 0);
}

/*
 * kill -9, and wait until the gate's connection shows it.  A Redis whose main
 * thread is a zombie already may have other threads that are still dying, and
 * hold its sockets open for some more milliseconds.
 */
static void server_kill(const struct rig *rig)
{
	struct pollfd pfd = {.events = POLLRDHUP};

	shell("server_kill \"$FG_DIR\" redis");
	if (rig == NULL || rig->gate->conn.redis == NULL)
		return;
	pfd.fd = rig->gate->conn.redis->fd;
	ck_assert_int_eq(poll(&pfd, 1, LONG_MS), 1);
}

/* For the same reason: a port that is still bound cannot be bound anew. */
static void port_wait(const char *address)
{
	struct gate_address to;
	struct err err = ERR_INIT;
	int64_t until = SOON;
	int fd, refused;

	ck_assert(gate_address_parse(address, &to, &err));
	do {
		ck_assert_int_gt(deadline_left_ms(until), 0);
		fd = socket(to.addr.ss_family, SOCK_STREAM, 0);
		refused = connect(fd, (struct sockaddr *)&to.addr, to.len);
		close(fd);
	} while (refused == 0);
}

static void server_start(const char *arguments)
{
	char line[200];

	snprintf(line, sizeof(line), "redis_start \"$FG_DIR\" %s", arguments);
	shell(line);
}

static void patience(struct rig *rig, int64_t ms)
{
	rig->gate->timeout_ms = ms;
	rig->gate->target.connect_timeout_ms = ms;
}

/* ---- it stands still ----------------------------------------------------- */

START_TEST(test_stopped)
{
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	int64_t began;
	struct rig rig;
	pid_t pid;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	ck_assert_int_eq(rig_claim(&rig, "ann", 10).answer, GATE_TAKEN);
	pid = rig_server_pid();
	patience(&rig, SHORT_MS);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	began = mono_ns();
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_UNKNOWN);
	ck_assert_int_ge(mono_ns() - began, SHORT_MS * NS_PER_MS);
	ck_assert_int_lt(mono_ns() - began, LONG_MS * NS_PER_MS);
	/* The kernel accepts for it, but it does not greet: nothing sent. */
	ASSERT_OUT(rig_try(&rig, "cid", 30, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("PING");
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	patience(&rig, LONG_MS);
	/* The late reply went where nobody listens: this is the gauge's. */
	ck_assert_uint_eq(rig_gauge(&rig).units, 3);
	/* And the doubt is resolved by asking for the same again, whether the
	 * first one was run before it or runs after it. */
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_DONE);
	ck_assert_uint_eq(ticket.unit, 2);
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_SAME);
	rig_assert_counts(&rig, 1, 2, 2, 2);
	rig_close(&rig);
}
END_TEST

/* ---- it dies ------------------------------------------------------------- */

START_TEST(test_killed_in_the_middle_of_a_call)
{
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;
	pid_t pid, killer;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	pid = rig_server_pid();
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	killer = fork();
	if (killer == 0) {
		usleep(300000); /* the call is waiting by then, or not yet */
		_exit(kill(pid, SIGKILL) == 0 ? 0 : 1);
	}
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_UNKNOWN);
	ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_NOT_DONE);
	server_kill(NULL);
	server_start("");
	/* It came back empty and without our functions: lost, never sold out.
	 * The functions come back by themselves. */
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_NO_SALE);
	rig_readmit(&rig);
	rig_close(&rig);
}
END_TEST

/* While nobody asked, it was restarted: the next call is simply answered. */
START_TEST(test_restarted_while_idle)
{
	struct gate_ticket ticket;
	struct claim_id id = rig_id(10);
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	rig.port.confirm(rig.port.ctx, ref, &id);
	rig.port.flush(rig.port.ctx);
	server_kill(&rig);
	rig.port.confirm(rig.port.ctx, ref, &id);
	rig.port.flush(rig.port.ctx); /* into the void */
	server_start("");
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_NO_SALE);
	rig_readmit(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- TCP ----------------------------------------------------------------- */

/* A port of loopback that is free now. */
static unsigned free_port(int family)
{
	struct sockaddr_in in4 = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *addr = family == AF_INET ? (struct sockaddr *)&in4
						  : (struct sockaddr *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in4) : sizeof(in6);
	int fd = socket(family, SOCK_STREAM, 0);
	unsigned port = 0;

	if (fd >= 0 && bind(fd, addr, len) == 0 &&
	    getsockname(fd, addr, &len) == 0)
		port = ntohs(family == AF_INET ? in4.sin_port : in6.sin6_port);
	if (fd >= 0)
		close(fd);
	return port;
}

static int option(struct rig *rig, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	ck_assert_int_eq(
	    getsockopt(rig->gate->conn.redis->fd, level, name, &value, &len),
	    0);
	return value;
}

static void over_tcp(const char *host_format, const char *bind, int family)
{
	struct gate_conf conf = {.connect_timeout_ms = LONG_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = LEASE_MS};
	unsigned port = free_port(family);
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	char address[64], arguments[80];
	struct rig rig;

	if (port == 0) /* a machine without IPv6 */
		return;
	snprintf(
	    arguments, sizeof(arguments), "--port %u --bind %s", port, bind);
	server_kill(NULL);
	server_start(arguments);
	snprintf(address, sizeof(address), "%s:%u", host_format, port);
	conf.address = address;
	rig_open(&rig);
	gate_free(&rig.gate);
	rig.gate = rig_gate_as(&conf);
	rig.port = gate_port(rig.gate);
	rig_sale(&rig, ref, 3, 1);
	ck_assert_int_eq(rig_claim(&rig, "ann", 10).answer, GATE_TAKEN);
	ck_assert_int_eq(option(&rig, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(&rig, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(&rig, IPPROTO_TCP, TCP_USER_TIMEOUT), 2000);
	/* On TCP the first write to a dead peer succeeds: its end must be
	 * seen before. */
	server_kill(&rig);
	port_wait(address);
	server_start(arguments);
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_NO_SALE);
	server_kill(&rig);
	port_wait(address);
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS(address);
	ASSERT_SAYS("connect: Connection refused");
	server_start("");
	rig_readmit(&rig);
	rig_close(&rig);
}

START_TEST(test_tcp_v4)
{
	over_tcp("127.0.0.1", "127.0.0.1", AF_INET);
}
END_TEST

START_TEST(test_tcp_v6)
{
	over_tcp("[::1]", "::1", AF_INET6);
}
END_TEST

/* Nobody answers at all: packets to this network lead nowhere. */
START_TEST(test_tcp_into_nowhere)
{
	struct gate_conf conf = {.address = "192.0.2.1:6379",
	    .connect_timeout_ms = SHORT_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = LEASE_MS};
	struct gate *gate = rig_gate_as(&conf);
	struct gate_port port = gate_port(gate);
	struct gate_gauge gauge;
	struct err err = ERR_INIT;
	int64_t began = mono_ns();

	ASSERT_OUT(
	    port.gauge(port.ctx, ref.sale, SOON, &gauge, &err), OUT_NOT_DONE);
	ASSERT_SAYS("connect: ");
	ck_assert_int_lt(mono_ns() - began, LONG_MS * NS_PER_MS);
	gate_free(&gate);
}
END_TEST

TESTS_MAIN("gate-outages", UNIT_SLOW("stopped", test_stopped, 60),
    UNIT_SLOW("killed", test_killed_in_the_middle_of_a_call, 60),
    UNIT_SLOW("restarted", test_restarted_while_idle, 60),
    UNIT_SLOW("tcp-v4", test_tcp_v4, 60), UNIT_SLOW("tcp-v6", test_tcp_v6, 60),
    UNIT_SLOW("tcp-nowhere", test_tcp_into_nowhere, 60))
