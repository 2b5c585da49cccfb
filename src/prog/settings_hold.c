/* SPDX-License-Identifier: Apache-2.0 */
/* Two settings, and what of the newer one has to wait for a restart. */
#include "config.h"

#include "prog/settings.h"

#include <string.h>

/* Texts are compared as texts: behind their ends may be anything. */
static bool value_hold(void *next, const void *in_force, enum setting_type type)
{
	size_t n = 0;

	switch (type) {
	case SETTING_TEXT:
	case SETTING_SECRET:
		if (strcmp(next, in_force) == 0)
			return false;
		memcpy(next, in_force, SETTINGS_TEXT_MAX);
		return true;
	case SETTING_BOOL:
		n = sizeof(bool);
		break;
	case SETTING_CHOICE:
	case SETTING_MODE:
		n = sizeof(unsigned);
		break;
	case SETTING_NUMBER:
	case SETTING_DURATION:
	case SETTING_SIZE:
		n = sizeof(int64_t);
		break;
	}
	if (memcmp(next, in_force, n) == 0)
		return false;
	memcpy(next, in_force, n);
	return true;
}

void settings_hold(struct settings *next, const struct settings *in_force,
    void (*tell)(void *ctx, const struct setting *setting), void *ctx)
{
	for (size_t i = 0; i < settings_table_n; i++) {
		const struct setting *setting = &settings_table[i];

		if (!setting->reloadable &&
		    value_hold((char *)next + setting->offset,
			(const char *)in_force + setting->offset,
			setting->type))
			tell(ctx, setting);
	}
}
