/* SPDX-License-Identifier: Apache-2.0 */
/* The table of armed places, in memory that all processes of a test share. */
#include "config.h"

#include "base/failpoint.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum action {
	ACTION_NONE,
	ACTION_KILL,
	ACTION_STOP,
	ACTION_EXIT,
	ACTION_ABORT,
	ACTION_DELAY,
	ACTION_ERR,
	ACTION_COUNT
};

static const char *const action_names[] = {
    [ACTION_NONE] = "off",
    [ACTION_KILL] = "kill",
    [ACTION_STOP] = "stop",
    [ACTION_EXIT] = "exit",
    [ACTION_ABORT] = "abort",
    [ACTION_DELAY] = "delay",
    [ACTION_ERR] = "err",
};
_Static_assert(ARRAY_LEN(action_names) == ACTION_COUNT, "a name for each");

static const struct {
	const char *name;
	bool fails;
} places[] = {
#define FAILPOINT_ROW(name, fails) {#name, fails},
    FAILPOINTS(FAILPOINT_ROW)
#undef FAILPOINT_ROW
};
_Static_assert(ARRAY_LEN(places) == FAILPOINT_COUNT, "a row for each");

#define CHANCE_ONE 1000000 /* of one: probabilities are counted in millionths */
#define MAGIC      UINT64_C(0x666c617368667034)

/* What one place is armed with. */
struct order_to_fail {
	uint32_t action;
	uint32_t delay_ms;
	uint64_t nth; /* 0: not asked for */
	uint32_t chance; /* millionths; CHANCE_ONE: always */
	uint64_t limit; /* times over all processes; 0: no limit */
};

/* In shared memory.  `action` is written last and taken away first. */
struct entry {
	_Atomic uint32_t action;
	_Atomic uint32_t arming; /* counts the armings: @N begins anew */
	uint32_t delay_ms;
	uint32_t chance;
	uint64_t nth;
	uint64_t limit;
	_Atomic uint64_t left; /* of `limit` */
	_Atomic uint64_t hits, fired;
};

struct table {
	uint64_t magic;
	_Atomic uint64_t processes; /* the seeds of the processes differ */
	struct entry entry[FAILPOINT_COUNT];
};

static struct table *table;
static uint64_t seed;

/* What a process knows of itself; a child begins anew. */
static struct {
	pid_t pid;
	uint64_t random;
	struct {
		uint32_t arming;
		uint64_t hits;
	} place[FAILPOINT_COUNT];
} own;

const char *failpoint_name(enum failpoint place)
{
	BUG_ON((unsigned)place >= FAILPOINT_COUNT);
	return places[place].name;
}

/* ---- arming -------------------------------------------------------------------- */

static bool refuse(struct err *err, struct strv part, const char *why)
{
	err_set(err, 0, "failpoint \"%.*s\": %s", STRV_ARG(part), why);
	return false;
}

static bool chance_parse(struct strv text, uint32_t *out)
{
	char bytes[24], *end;
	double p;

	if (!strv_copy(text, bytes, sizeof(bytes)) || bytes[0] == '\0')
		return false;
	p = strtod(bytes, &end);
	*out = (uint32_t)(p * CHANCE_ONE + 0.5);
	return *end == '\0' && p > 0 && p <= 1;
}

static bool action_parse(struct strv text, struct order_to_fail *out)
{
	struct strv rest = text;
	struct strv word = strv_cut(&rest, ':');
	uint64_t ms;

	for (uint32_t i = 0; i < ACTION_COUNT; i++)
		if (strv_eq(word, strv_c(action_names[i]))) {
			out->action = i;
			if (i != ACTION_DELAY)
				return rest.p == NULL;
			if (!num_parse_u64(rest, 1, 600000, &ms))
				return false;
			out->delay_ms = (uint32_t)ms;
			return true;
		}
	return false;
}

/* "@3", "@p0.5", with "x2" cut off before. */
static bool when_parse(struct strv when, struct order_to_fail *out)
{
	if (when.p == NULL)
		return true;
	if (strv_starts(when, STRV("p")))
		return chance_parse(
		    strv_from(when.p + 1, when.n - 1), &out->chance);
	return num_parse_u64(when, 1, UINT32_MAX, &out->nth);
}

/* "x" is a letter of "exit" too: the times are what follows the last one, if
 * that is a number. */
static bool times_cut(struct strv *text, struct order_to_fail *out)
{
	for (size_t at = text->n; at-- > 0;) {
		if (text->p[at] != 'x')
			continue;
		if (!num_parse_u64(
			strv_from(text->p + at + 1, text->n - at - 1), 1,
			UINT32_MAX, &out->limit))
			return true;
		text->n = at;
		return true;
	}
	return true;
}

static bool part_parse(struct strv part, enum failpoint *place,
    struct order_to_fail *out, struct err *err)
{
	struct strv rest = part;
	struct strv name = strv_trim(strv_cut(&rest, '='));
	struct strv what = strv_trim(rest), action;
	unsigned i = 0;

	*out = (struct order_to_fail){.chance = CHANCE_ONE};
	while (i < FAILPOINT_COUNT && !strv_eq(name, strv_c(places[i].name)))
		i++;
	if (i == FAILPOINT_COUNT)
		return refuse(err, part, "there is no such place");
	*place = (enum failpoint)i;
	if (!times_cut(&what, out))
		return refuse(err, part, "after x: how many times");
	action = strv_cut(&what, '@');
	if (!action_parse(action, out))
		return refuse(
		    err, part, "kill, stop, exit, abort, delay:MS, err or off");
	if (!when_parse(what, out))
		return refuse(err, part, "after @: a number, or p0.01");
	if (out->action == ACTION_ERR && !places[i].fails)
		return refuse(err, part, "no call there can fail");
	return true;
}

static void entry_set(struct entry *entry, const struct order_to_fail *order)
{
	atomic_store(&entry->action, ACTION_NONE);
	entry->delay_ms = order->delay_ms;
	entry->chance = order->chance;
	entry->nth = order->nth;
	entry->limit = order->limit;
	atomic_store(&entry->left, order->limit);
	atomic_fetch_add(&entry->arming, 1);
	atomic_store(&entry->action, order->action);
}

static bool table_have(struct err *err)
{
	void *at;

	if (table != NULL)
		return true;
	at = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		err_set_errno(err, "the table of failpoints");
		return false;
	}
	table = at;
	return true;
}

bool failpoint_arm(struct strv spec, struct err *err)
{
	struct order_to_fail orders[FAILPOINT_COUNT];
	bool named[FAILPOINT_COUNT] = {false};
	struct order_to_fail order;
	struct strv rest = spec;
	enum failpoint place;

	if (!table_have(err))
		return false;
	while (rest.p != NULL) {
		if (!part_parse(strv_cut(&rest, ','), &place, &order, err))
			return false;
		orders[place] = order;
		named[place] = true;
	}
	for (unsigned i = 0; i < FAILPOINT_COUNT; i++)
		if (named[i])
			entry_set(&table->entry[i], &orders[i]);
	return true;
}

void failpoint_disarm(void)
{
	for (unsigned i = 0; table != NULL && i < FAILPOINT_COUNT; i++)
		atomic_store(&table->entry[i].action, ACTION_NONE);
}

/* ---- the table ------------------------------------------------------------------ */

bool failpoint_map(const char *path, struct err *err)
{
	void *at = MAP_FAILED;
	struct stat is;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool good;

	good = fd >= 0 && fstat(fd, &is) == 0 &&
	       (is.st_size == (off_t)sizeof(*table) ||
		   (is.st_size == 0 && ftruncate(fd, sizeof(*table)) == 0));
	if (good)
		at = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		err_set_errno(err, "%s: the table of failpoints", path);
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return false;
	table = at;
	if (table->magic == 0)
		table->magic = MAGIC;
	if (table->magic == MAGIC)
		return true;
	err_set(err, 0, "%s is no table of failpoints", path);
	return false;
}

static ATTR_NORETURN void open_failed(const struct err *err)
{
	log_error("%s", err->text);
	exit(EX_USAGE);
}

void failpoint_open(void)
{
	const char *path = getenv("FLASHGATE_FAILPOINT_FILE");
	const char *spec = getenv("FLASHGATE_FAILPOINTS");
	const char *text = getenv("FLASHGATE_FAILPOINT_SEED");
	struct err err = ERR_INIT;

	if (text != NULL &&
	    !num_parse_u64(strv_c(text), 0, UINT64_MAX, &seed)) {
		err_set(&err, 0, "FLASHGATE_FAILPOINT_SEED=%s: a number", text);
		open_failed(&err);
	}
	if (path != NULL && !failpoint_map(path, &err))
		open_failed(&err);
	if (spec != NULL && spec[0] != '\0' &&
	    !failpoint_arm(strv_c(spec), &err))
		open_failed(&err);
}

struct failpoint_counts failpoint_count(enum failpoint place)
{
	BUG_ON((unsigned)place >= FAILPOINT_COUNT);
	if (table == NULL)
		return (struct failpoint_counts){0, 0};
	return (struct failpoint_counts){
	    .hits = atomic_load(&table->entry[place].hits),
	    .fired = atomic_load(&table->entry[place].fired)};
}

bool failpoint_armed(enum failpoint place)
{
	return table != NULL &&
	       atomic_load(&table->entry[place].action) != ACTION_NONE;
}

/* ---- hitting -------------------------------------------------------------------- */

/* splitmix64, of which any seed will do. */
static uint64_t random_next(void)
{
	uint64_t z = own.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void own_begin(void)
{
	if (own.pid == getpid())
		return;
	memset(&own, 0, sizeof(own));
	own.pid = getpid();
	own.random = seed ^ (atomic_fetch_add(&table->processes, 1) << 32);
}

static bool is_due(enum failpoint place, struct entry *entry)
{
	uint32_t arming = atomic_load(&entry->arming);
	uint64_t left;

	own_begin();
	if (own.place[place].arming != arming) {
		own.place[place].arming = arming;
		own.place[place].hits = 0;
	}
	own.place[place].hits++;
	if (entry->nth != 0 && own.place[place].hits != entry->nth)
		return false;
	if (entry->chance < CHANCE_ONE &&
	    random_next() % CHANCE_ONE >= entry->chance)
		return false;
	if (entry->limit == 0)
		return true;
	left = atomic_load(&entry->left);
	while (left > 0)
		if (atomic_compare_exchange_weak(&entry->left, &left, left - 1))
			return true;
	return false;
}

static bool act(enum action action, uint32_t delay_ms)
{
	struct timespec pause = {
	    .tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000L};

	switch (action) {
	case ACTION_KILL:
		kill(getpid(), SIGKILL);
		break;
	case ACTION_STOP:
		kill(getpid(), SIGSTOP);
		break;
	case ACTION_EXIT:
		_exit(EX_SOFTWARE);
	case ACTION_ABORT:
		abort();
	case ACTION_DELAY:
		while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
			;
		break;
	case ACTION_ERR:
		return true;
	case ACTION_NONE:
	case ACTION_COUNT:
		break;
	}
	return false;
}

bool failpoint_hit(enum failpoint place)
{
	struct entry *entry;
	uint32_t action;

	if (table == NULL)
		return false;
	entry = &table->entry[place];
	atomic_fetch_add(&entry->hits, 1);
	action = atomic_load(&entry->action);
	if (action == ACTION_NONE || action >= ACTION_COUNT ||
	    !is_due(place, entry))
		return false;
	/* Before the act: who is killed counts nothing any more. */
	atomic_fetch_add(&entry->fired, 1);
	return act((enum action)action, entry->delay_ms);
}

bool failpoint_fails(enum failpoint place, struct err *err)
{
	if (!failpoint_hit(place))
		return false;
	err_set(err, 0, "failpoint %s", failpoint_name(place));
	return true;
}
