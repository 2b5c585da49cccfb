/* SPDX-License-Identifier: Apache-2.0 */
/* pool/peers: who may connect. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"
#include "pool/peers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *list, *peer;
	bool allowed;
} rows[] = {
    {"", "192.0.2.1", true},
    {"", "2001:db8::1", true},
    {"127.0.0.1", "127.0.0.1", true},
    {"127.0.0.1", "127.0.0.2", false},
    {"127.0.0.1", "::ffff:127.0.0.1", true},
    {"127.0.0.1", "::1", false},
    {"::1", "::1", true},
    {"::1", "127.0.0.1", false},
    {"::ffff:10.1.2.3", "10.1.2.3", true},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.3", true},
    {"10.0.0.0/8", "10.255.0.1", true},
    {"10.0.0.0/8", "::ffff:10.255.0.1", true},
    {"10.0.0.0/8", "11.0.0.1", false},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"0.0.0.0/0", "192.0.2.1", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"192.0.2.1, ::1 ,10.0.0.0/8", "::1", true},
    {"192.0.2.1, ::1 ,10.0.0.0/8", "10.1.1.1", true},
    {"192.0.2.1, ::1 ,10.0.0.0/8", "192.0.2.2", false},
};

static struct sockaddr_storage peer_of(const char *text)
{
	struct sockaddr_storage from = {0};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		memcpy(&from, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		memcpy(&from, &v6, sizeof(v6));
	return from;
}

START_TEST(test_addresses)
{
	struct sockaddr_storage from = peer_of(rows[_i].peer);
	struct err err = ERR_INIT;
	struct pool_peers peers;

	ck_assert_msg(
	    pool_peers_parse(rows[_i].list, "", &peers, &err), "%s", err.text);
	ck_assert_msg(pool_peers_allow(&peers, -1, &from) == rows[_i].allowed,
	    "%s in %s", rows[_i].peer, rows[_i].list);
	ck_assert(pool_peers_allow(NULL, -1, &from));
}
END_TEST

static const struct {
	const char *clients, *uids, *text;
} invalid[] = {
    {"localhost", "", "allowed_clients: \"localhost\""},
    {"127.0.0", "", "127.0.0"},
    {"127.0.0.1,", "", NULL}, /* a comma at the end is harmless */
    {"127.0.0.1,,::1", "", "allowed_clients"},
    {"10.0.0.0/33", "", "allowed_clients"},
    {"10.0.0.0/", "", "allowed_clients"},
    {"::1/129", "", "allowed_clients"},
    {"[::1]", "", "allowed_clients"},
    {"", "no-such-user", "allowed_uids: there is no user no-such-user"},
    {"", "0,", NULL},
    {"", "0,,1", "allowed_uids"},
    {"", "4294967295", "allowed_uids"},
};

START_TEST(test_invalid)
{
	struct err err = ERR_INIT;
	struct pool_peers peers;
	bool good = pool_peers_parse(
	    invalid[_i].clients, invalid[_i].uids, &peers, &err);

	ck_assert_msg(good == (invalid[_i].text == NULL), "%s", err.text);
	if (!good)
		ck_assert_msg(
		    strstr(err.text, invalid[_i].text) != NULL, "%s", err.text);
}
END_TEST

START_TEST(test_too_many)
{
	struct err err = ERR_INIT;
	struct pool_peers peers;
	char list[POOL_PEERS_MAX * 4 + 4] = "";

	for (int i = 0; i < POOL_PEERS_MAX; i++)
		strncat(list, "::1,", sizeof(list) - strlen(list) - 1);
	ck_assert(pool_peers_parse(list, "", &peers, &err));
	strncat(list, "::1", sizeof(list) - strlen(list) - 1);
	ck_assert(!pool_peers_parse(list, "", &peers, &err));
}
END_TEST

/* ---- in a pool ----------------------------------------------------------- */

static const struct {
	bool tcp;
	const char *clients, *uids;
	bool allowed;
} lists[] = {
    {true, "127.0.0.1", "", true},
    {true, "192.0.2.1", "", false},
    {true, "192.0.2.1,::ffff:127.0.0.1", "", true},
    {true, "", "1", true}, /* users are of Unix sockets, */
    {false, "192.0.2.1", "", true}, /* and addresses of TCP */
    {false, "", "(us)", true},
    {false, "", "1,(us)", true},
    {false, "", "(not us)", false},
};

static void uids_fill(const char *list, char *out, size_t size)
{
	if (strstr(list, "(not us)") != NULL)
		snprintf(out, size, "%u", (unsigned)getuid() + 1);
	else if (strstr(list, "1,") != NULL)
		snprintf(out, size, "1,%u", (unsigned)getuid());
	else if (strstr(list, "(us)") != NULL)
		snprintf(out, size, "%u", (unsigned)getuid());
	else
		snprintf(out, size, "%s", list);
}

START_TEST(test_in_a_pool)
{
	struct err err = ERR_INIT;
	struct pool_peers peers;
	struct rig_answer answer;
	struct rig rig;
	char uids[40];
	int fd;

	rig_init(&rig, 2);
	if (lists[_i].tcp)
		rig_use_tcp(&rig);
	uids_fill(lists[_i].uids, uids, sizeof(uids));
	ck_assert(pool_peers_parse(lists[_i].clients, uids, &peers, &err));
	rig.groups[0].peers = &peers;
	rig_start(&rig);
	fd = rig_connect(&rig);
	if (lists[_i].allowed) {
		rig_send(fd, "pid");
		ck_assert(rig_receive(fd, &answer));
	} else {
		RIG_AWAIT(rig_is_closed(fd));
		ck_assert_int_eq(RIG_GET(rig.stage->serves), 0);
		RIG_AWAIT(rig_lines(rig.log, "was refused") > 0);
	}
	close(fd);
	rig_stop(&rig);
}
END_TEST

TESTS_MAIN("pool/peers",
    UNIT_TABLE("addresses", test_addresses, ARRAY_LEN(rows)),
    UNIT_TABLE("invalid", test_invalid, ARRAY_LEN(invalid)),
    UNIT("too_many", test_too_many),
    RIG_TABLE("pool", test_in_a_pool, ARRAY_LEN(lists)))
