/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every word that struct web_outcome can hold, from the tables that make them:
 * for whoever counts by word and must know its counters beforehand.  The same
 * number is the same word in all processes of one program.  Any process.
 */
#ifndef WEB_WORDS_H
#define WEB_WORDS_H

#include <stddef.h>

/* NULL behind the last; number 0 is "unknown" in both. */
const char *web_route_word(size_t i);
const char *web_code_word(size_t i);

#endif
