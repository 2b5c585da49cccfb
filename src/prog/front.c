/* SPDX-License-Identifier: Apache-2.0 */
/* Listening, peers and rights, out of the settings. */
#include "config.h"

#include "prog/front.h"
#include "base/log.h"

#define GIVEN "fd:0"

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static struct front front_of(const struct settings *settings)
{
	return (struct front){
	    .listen = {.address = settings->www.listen,
		.backlog = (int)settings->www.listen_backlog,
		.owner = text_or_null(settings->www.listen_owner),
		.group = text_or_null(settings->www.listen_group),
		.mode = settings->www.listen_mode},
	    .rights = {.priority = (int)settings->www.priority,
		.rlimit_files = settings->www.rlimit_files,
		.rlimit_core = settings->www.rlimit_core,
		.dumpable = settings->www.dumpable,
		.clear_env = settings->www.clear_env},
	    .user = text_or_null(settings->www.user),
	    .group = text_or_null(settings->www.group),
	};
}

bool front_judge(
    const struct settings *settings, struct front *out, struct err *err)
{
	*out = front_of(settings);
	if (!pool_listen_check(&out->listen, err) ||
	    !pool_peers_parse(settings->www.allowed_clients,
		settings->www.allowed_uids, &out->peers, err) ||
	    !pool_user_check(out->user, out->group, err)) {
		err_wrap(err, "[www]");
		return false;
	}
	if (out->listen.address[0] == '@' && out->peers.nuids == 0)
		log_warning("[www] listen = %s: everybody on this host may "
			    "connect, and so be any customer: set "
			    "listen.allowed_uids",
		    out->listen.address);
	return true;
}

void front_take_given(struct front *front)
{
	if (!pool_listen_given())
		return;
	if (strcmp(front->listen.address, GIVEN) != 0)
		log_notice("descriptor 0 is a listening socket: it is used, "
			   "and listen = %s is not",
		    front->listen.address);
	front->listen.address = GIVEN;
}
