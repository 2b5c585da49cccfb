/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planted bugs, one a build: ./configure --enable-mutant=NAME.  What a test
 * campaign is worth is seen in which of these it convicts (scripts/mutants).
 * In any other build MUTANT() is 0 and its branch is not compiled in.
 *
 * The one table: name, the bug, the scenario of tests/it/attack.sh that
 * convicts it.  scripts/mutants reads it, so: one line each.  The faults with
 * which the campaign convicts it are in tests/chaos/decks.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

#ifdef FG_MUTANT

/* clang-format off */
#define MUTANTS(X) \
	X(give_back, "a unit goes back when its insert's outcome is unknown", ambiguous) \
	X(early_yes, "201 although the commit was not acknowledged", unsent) \
	X(confirm_early, "the lease is dropped before the commit", killed) \
	X(reaper_blind, "the reaper gives back without asking the ledger", unconfirmed) \
	X(reaper_no_void, "the reaper looks, and writes no void", stopped) \
	X(limit_from_lease, "a lease of the customer is a final \"limit reached\"", twice) \
	X(gone_while_leased, "\"sold out\" while claims are undecided", last) \
	X(empty_sold_out, "an empty Redis is \"sold out\"", emptied) \
	X(no_epoch_guard, "the insert of an older epoch is taken", rebuilt) \
	X(no_heal, "a sold token is dropped, its owner not restored", setback) \
	X(clash_pushes_back, "a duplicate is a failure, its unit goes back", again) \
	X(claim_no_customer, "the claim id does not hold the customer", samekey) \
	X(claim_no_key, "the claim id does not hold the key", twokeys) \
	X(rebuild_sells_sold, "a rebuild puts sold units on sale", rebuilt) \
	X(tell_early, "a row is told before it is on disk", held) \
	X(settle_acks_first, "the gate hears \"sold\" before the commit", acked) \
	X(settle_blind, "a row in the way counts as sold without reading", blind) \
	X(carry_none, "a rebuild forgets the orders that wait", carried)
/* clang-format on */

enum mutant {
#define MUTANT_ENUM(name, bug, scenario) MUTANT_##name,
	MUTANTS(MUTANT_ENUM)
#undef MUTANT_ENUM
	MUTANT_COUNT
};

#define MUTANT(name) (FG_MUTANT == MUTANT_##name)
/* The planted one, as text. */
#define MUTANT_TEXT_OF(name) #name
#define MUTANT_TEXT(name)    MUTANT_TEXT_OF(name)
#define MUTANT_PLANTED       MUTANT_TEXT(FG_MUTANT)

#else

#define MUTANT(name) 0

#endif
#endif
