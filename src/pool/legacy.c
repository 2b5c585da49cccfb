/* SPDX-License-Identifier: Apache-2.0 */
/* From one program to the next: descriptors, and a variable that names them. */
#include "config.h"

#include "pool/legacy.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE_MAX 512
#define FD_LAST      65535

/* ---- writing ------------------------------------------------------------- */

static bool survive(int fd)
{
	return fd < 0 || fcntl(fd, F_SETFD, 0) == 0;
}

bool pool_legacy_leave(const struct legacy *legacy)
{
	char bytes[VARIABLE_MAX];
	struct strbuf text;

	if (!survive(legacy->link_fd) || !survive(legacy->board_fd))
		return false;
	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text, "%d %d %u %" PRIu32 " %" PRIu32, legacy->link_fd,
	    legacy->board_fd, legacy->half, legacy->generation, legacy->births);
	for (size_t i = 0; i < legacy->ngroups; i++) {
		const struct legacy_group *group = &legacy->groups[i];

		if (!survive(group->listen_fd) ||
		    !survive(group->channel.give_fd) ||
		    !survive(group->channel.take_fd))
			return false;
		strbuf_printf(&text, " %s %d %d %d %d", group->name,
		    group->listen_fd, group->made, group->channel.give_fd,
		    group->channel.take_fd);
	}
	return !text.overflow && setenv(LEGACY_VARIABLE, text.p, 1) == 0;
}

/* ---- reading ------------------------------------------------------------- */

static bool number_take(struct strv *rest, uint64_t max, uint64_t *out)
{
	return num_parse_u64(strv_cut(rest, ' '), 0, max, out);
}

/* Open, and for nobody else from now on. */
static bool fd_take(struct strv *rest, int *out)
{
	uint64_t fd;

	if (!number_take(rest, FD_LAST, &fd) ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	*out = (int)fd;
	return true;
}

static bool u32_take(struct strv *rest, uint32_t *out)
{
	uint64_t value;

	if (!number_take(rest, UINT32_MAX, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool bool_take(struct strv *rest, bool *out)
{
	uint64_t value;

	if (!number_take(rest, 1, &value))
		return false;
	*out = value == 1;
	return true;
}

static bool group_take(struct strv *rest, struct legacy_group *out)
{
	return strv_copy(strv_cut(rest, ' '), out->name, sizeof(out->name)) &&
	       fd_take(rest, &out->listen_fd) && bool_take(rest, &out->made) &&
	       fd_take(rest, &out->channel.give_fd) &&
	       fd_take(rest, &out->channel.take_fd);
}

static bool legacy_parse(struct strv rest, struct legacy *out)
{
	uint32_t half;

	if (!fd_take(&rest, &out->link_fd) || !fd_take(&rest, &out->board_fd) ||
	    !u32_take(&rest, &half) || half > 1 ||
	    !u32_take(&rest, &out->generation) ||
	    !u32_take(&rest, &out->births))
		return false;
	out->half = half;
	while (rest.n > 0) {
		if (out->ngroups == POOL_GROUPS_MAX ||
		    !group_take(&rest, &out->groups[out->ngroups]))
			return false;
		out->ngroups++;
	}
	return true;
}

struct legacy *pool_legacy(void)
{
	static struct legacy legacy = {.link_fd = -1, .board_fd = -1};
	static bool read;
	const char *text = getenv(LEGACY_VARIABLE);

	if (read || text == NULL)
		return &legacy;
	read = true;
	if (!legacy_parse(strv_c(text), &legacy)) {
		log_warning(
		    LEGACY_VARIABLE "=%s makes no sense: ignored", text);
		legacy = (struct legacy){.link_fd = -1, .board_fd = -1};
	}
	unsetenv(LEGACY_VARIABLE);
	return &legacy;
}

struct legacy_group *pool_legacy_group(struct legacy *legacy, const char *name)
{
	for (size_t i = 0; legacy->link_fd >= 0 && i < legacy->ngroups; i++)
		if (strcmp(legacy->groups[i].name, name) == 0)
			return &legacy->groups[i];
	return NULL;
}

void pool_legacy_close_rest(struct legacy *legacy)
{
	for (size_t i = 0; i < legacy->ngroups; i++) {
		if (legacy->groups[i].listen_fd >= 0)
			close(legacy->groups[i].listen_fd);
		pool_handover_close(&legacy->groups[i].channel);
	}
	legacy->ngroups = 0;
	if (legacy->board_fd >= 0)
		close(legacy->board_fd);
	legacy->board_fd = -1;
}
