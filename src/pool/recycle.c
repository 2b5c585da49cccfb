/* SPDX-License-Identifier: Apache-2.0 */
/* Replacements first, a few at a time: decisions only. */
#include "config.h"

#include "pool/recycle.h"

static unsigned lesser(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned pool_recycle_bound(unsigned want)
{
	return want < 20 ? 1 : want / 10;
}

unsigned pool_recycle_target(const struct recycle_count *count)
{
	unsigned target = count->want + lesser(count->worn + count->going,
					    pool_recycle_bound(count->want));

	return lesser(target, count->room);
}

unsigned pool_recycle_go(const struct recycle_count *count)
{
	if (count->ready > count->want)
		return lesser(count->worn, count->ready - count->want);
	if (!count->impatient || count->ready < 2)
		return 0;
	/* A hole of its own making is never larger than the bound. */
	return count->ready + pool_recycle_bound(count->want) > count->want
		   ? lesser(count->worn, 1)
		   : 0;
}
