/* SPDX-License-Identifier: Apache-2.0 */
/* One worker without a master. */
#include "config.h"

#include "prog/single.h"
#include "prog/monitor.h"
#include "base/log.h"
#include "prog/worker.h"

#include <stdlib.h>
#include <sysexits.h>

static int serve(const struct settings *settings, const struct front *front,
    struct worker *worker, int listen_fd)
{
	struct pool_app does = worker_app(worker);
	/* It never leaves by itself: our limit of requests would race the next
	 * connection of a manager that thinks we are there. */
	struct pool_group group = {.name = "worker",
	    .app = &does,
	    .listen_fd = listen_fd,
	    .max_children = 1,
	    .io_timeout_ms = (unsigned)settings->www.io_timeout_ms,
	    .keep_max = (unsigned)settings->www.keep_connections,
	    .peers = &front->peers};
	struct pool_conf conf = {.groups = &group,
	    .ngroups = 1,
	    .area_bytes = monitor_area_bytes(),
	    .user = front->user,
	    .group = front->group,
	    .rights = &front->rights};

	return pool_single(&conf);
}

int single_run(const struct settings *settings, const struct front *front,
    const struct token_keys *keys)
{
	struct sale_table *table = malloc(sale_table_bytes());
	struct err err = ERR_INIT;
	struct worker *worker =
	    table != NULL ? worker_new(settings, table, keys, &err) : NULL;
	int code = EX_SOFTWARE;
	int listen_fd;

	if (worker == NULL) {
		log_error(
		    "%s", err.text[0] != '\0' ? err.text : "out of memory");
		free(table);
		return EX_SOFTWARE;
	}
	sale_table_init(table);
	worker_own_table(worker, table);
	listen_fd = pool_listen_open(&front->listen, &err);
	if (listen_fd >= 0) {
		code = serve(settings, front, worker, listen_fd);
		pool_listen_close(&front->listen, listen_fd);
	} else {
		log_error("[www] listen: %s", err.text);
		code = EX_CONFIG;
	}
	worker_free(&worker);
	free(table);
	return code;
}
