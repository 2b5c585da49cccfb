/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as text and back: hexadecimal, and Crockford's base32 for the order
 * numbers that people read aloud (no I, L, O, U; case does not matter).
 * Any process.
 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* 16 bytes are 26 digits of 5 bits; the first digit carries 3 bits. */
#define BASE32_16_LEN 26

/* Upper case, terminated. */
void base32_encode16(const uint8_t in[16], char out[BASE32_16_LEN + 1]);

/*
 * Takes lower case, and I and L for 1, O for 0, as Crockford asks; no hyphens.
 * False when the length, a digit or the unused two top bits are wrong, so that
 * one value has one number of each spelling.
 */
bool base32_decode16(struct strv text, uint8_t out[16]) ATTR_MUSTUSE;

/* Lower case; `out` has room for 2n + 1. */
void hex_encode(const uint8_t *in, size_t n, char *out);

/* Exactly 2n digits. */
bool hex_decode(struct strv text, uint8_t *out, size_t n) ATTR_MUSTUSE;

#endif
