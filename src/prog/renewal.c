/* SPDX-License-Identifier: Apache-2.0 */
/* A new crew from the same file. */
#include "config.h"

#include "prog/renewal.h"
#include "base/log.h"
#include "prog/wire.h"

/* For the stores to answer, and again for the new children to be ready: each
 * store has 10 s, and a child connects to both. */
#define BOUND_MS 30000

static void held_tell(void *ctx, const struct setting *setting)
{
	(void)ctx;
	log_warning("reload: [%s] %s has changed, which takes a restart: the "
		    "old value stays in force",
	    setting->section, setting->key);
}

static bool room_judge(const struct renewal *renewal,
    const struct settings *settings, struct err *err)
{
	const struct {
		const char *key, *whom;
		int64_t wanted;
		unsigned room;
	} rows[] = {
	    {"[www] pm.max_children", "workers", settings->www.max_children,
		renewal->house->room},
	    {"[settler] processes", "settlers", settings->settler.processes,
		renewal->house->settlers_room},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].wanted <= (int64_t)rows[i].room)
			continue;
		err_set(err, 0,
		    "%s = %lld: memory was made for at most %u %s at the "
		    "start; restart for more",
		    rows[i].key, (long long)rows[i].wanted, rows[i].room,
		    rows[i].whom);
		return false;
	}
	return true;
}

static const struct pool_conf *renewal_make(void *ctx, struct err *err)
{
	struct renewal *renewal = ctx;
	struct settings settings;
	struct crew *crew;

	if (!settings_load(renewal->path, &settings, err))
		return NULL;
	settings_hold(&settings, renewal->settings, held_tell, NULL);
	if (!room_judge(renewal, &settings, err))
		return NULL;
	crew = crew_new(&settings, renewal->house, err);
	return crew != NULL ? crew_conf(crew) : NULL;
}

static bool renewal_judge(
    void *ctx, const struct pool_conf *conf, struct err *err)
{
	(void)ctx;
	return wire_check(crew_settings(crew_of(conf)), NULL, err);
}

static void renewal_enter(void *ctx, const struct pool_conf *conf)
{
	const struct settings *settings = crew_settings(crew_of(conf));
	struct err err = ERR_INIT;

	(void)ctx;
	if (!log_open(settings->global.error_log,
		(enum log_level)settings->global.log_level, &err))
		log_error("[global] error_log: %s; the old one stays in use",
		    err.text);
	log_set_format((enum log_format)settings->global.log_format);
}

static void renewal_drop(void *ctx, const struct pool_conf *conf)
{
	struct crew *crew = crew_of(conf);

	(void)ctx;
	crew_free(&crew);
}

struct pool_reloader renewal_reloader(struct renewal *renewal)
{
	return (struct pool_reloader){.make = renewal_make,
	    .judge = renewal_judge,
	    .enter = renewal_enter,
	    .drop = renewal_drop,
	    .ctx = renewal,
	    .bound_ms = BOUND_MS};
}
