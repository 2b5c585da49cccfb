/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child may do and see besides its user: nice value, limits, core dumps,
 * environment.  In two halves around the change of user, since some need root
 * and one is undone by it.  Child, and a lone worker.
 */
#ifndef POOL_RIGHTS_H
#define POOL_RIGHTS_H

#include "pool/pool.h"

/* `rights` may be NULL: all stays as inherited. */
bool pool_rights_before(
    const struct pool_rights *rights, struct err *err) ATTR_MUSTUSE;
bool pool_rights_after(
    const struct pool_rights *rights, struct err *err) ATTR_MUSTUSE;

#endif
