/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiler attributes and the two macros that every C program writes again.
 * Any process may use them.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ATTR_MUSTUSE           __attribute__((warn_unused_result))
#define ATTR_NORETURN          __attribute__((noreturn))
#define ATTR_COLD              __attribute__((cold))

/* Number of elements of a real array, never of a pointer. */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
