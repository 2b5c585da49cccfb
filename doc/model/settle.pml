/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders (modes queue and sweep), beside claims of mode direct, as the
 * program does them: README.md here maps each part to its function.  Written as
 * claim.pml is: one atomic or d_step is one function call at Redis, or one
 * autocommit statement at MySQL; between two of them anybody may be delayed for
 * ever, "goto fin" is a kill, a time-out, or a 503, and a settler's "goto again" is
 * its death: the next one of that name begins anew.
 *
 * W1, W2, W3	the key that each worker buys with (runs has the sets)
 * NU NA LIM	units, attempts of a key, limit of a customer
 * SETTLERS	how many (2)
 * BATCH	orders of one statement (2)
 * DIRECT	the sale begins in mode direct (else in mode queue)
 * SWITCH=n	its mode is changed, n times, at any moment
 * CLOSE	the sale is closed at any moment
 * TERMS	the gate is told when it accepts, by operators and a keeper
 * POISON=r	the ledger refuses key r's rows for what they say
 * GET		somebody asks for an order, accepted or not
 * AWAY		the ledger may be away when a worker asks what was void before
 * LATE		one statement of a settler may be executed long after it gave up
 * REBUILDS=n	n operators make the gate anew, at any moment, and may die at it
 * RESTART	once, Redis is started anew, with all that it had
 * ROLLBACK	once, Redis is set back: not behind what it has acknowledged to be
 *		on disk (waitaof); with WEAK to anything (accept_loss)
 * WIPE		once, Redis is emptied (accept_loss)
 * NOMETA	once, somebody deletes the meta, and nothing else
 * BUG_name	plants a bug
 */
#ifndef NU
#define NU 2
#endif
#ifndef NA
#define NA 2
#endif
#ifndef LIM
#define LIM 1
#endif
#ifndef NR
#define NR 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef REBUILDS
#define REBUILDS 0
#endif
#ifndef SETTLERS
#define SETTLERS 2
#endif
#define BATCH 2
#if defined(RESTART) || defined(ROLLBACK) || defined(WIPE) || defined(NOMETA)
#define FAULT
#endif
/* Redis keeps its word: what it has acknowledged is there for good. */
#if !defined(ROLLBACK) && !defined(WIPE)
#define HONEST
#endif
/* It is asked, with waitaof, whether what was shown is on disk. */
#if defined(ROLLBACK) && !defined(WEAK)
#define SYNCS
#endif
/* Generations: those of the operators, and one at the end. */
#if REBUILDS > 0 || defined(FAULT) || defined(POISON)
#define BUILDS
#define NE (2 + REBUILDS)
#else
#define NE 1
#endif

#define NC 2
#define NK (NR * NA)
#define NS (NC * LIM)
#define CUST(r) ((r) / 2) /* keys 0 and 1 are one customer's, key 2 another's */
#define CL(r, i) ((r) * NA + (i)) /* the claim of attempt i */
#define KEY(k) ((k) / NA)
#define SL(c, n) ((c) * LIM + (n)) /* the customer's n-th slot */
#if LIM > 1
#define SHOWN NA
#else
#define SHOWN 1
#endif

/* ---- the ledger ------------------------------------------------------------- */

#define VOID 1
#define SOLD(k) (row[k] > VOID)
#define BOUGHT(u) ((u) + 2)
byte row[NK]; /* PRIMARY KEY (claim): 0, VOID, or BOUGHT(unit); never changes */
byte own[NU]; /* UNIQUE (sale, unit): the claim + 1 */
byte cs[NS]; /* UNIQUE (sale, customer, slot): the claim + 1 */

#define OPEN 0
#define REBUILDING 1
#define CLOSED 2
byte epoch = 1, state = OPEN;
bool queues; /* the mode */

/* ---- the gate: meta, and the keys of each epoch --------------------------------- */

byte gep, retired; /* meta; gep 0: there is none */
#ifdef TERMS
bool gshut; /* meta: it accepts nothing */
byte gtold; /* meta: how often it was told */
bool sealed; /* who has closed the sale was told that the gate knows */
#define SHUTS(queue) (queue && gshut)
#else
#define SHUTS(queue) false
#endif
bool doubt; /* meta: forgot, or the run id of another server */
byte fr[NE * NU]; /* how often the unit is in the free list */
byte rec[NE * NK]; /* 1 + unit * LIM + slot */
byte ent[NE * NK]; /* of an accepted order: its entry, and 4 * who has it */
byte slot[NS * NE]; /* the claim + 1 */
byte spent[NE]; /* claims known to be void, a bit each */

#define KEYS(e) (((e) - 1) * NK)
#define UNITS(e) (((e) - 1) * NU)
#define SLOTS(e) (((e) - 1) * NS)
#define LEASE(u, s) (1 + (u) * LIM + (s))
#define UNIT(l) (((l) - 1) / LIM)
#define SLOT(l) (((l) - 1) % LIM)
#define ID(n) ((n) & 3)
#define WHO(n) ((n) >> 2)
/* Ids grow: an entry that is made anew after Redis was set back has another. */
#define NEWID (1 + rolled)

/* ---- what shoppers were told, and what is going on ------------------------------ */

#define YES 1
#define NO 2
byte told[NR];
byte accepted; /* claims whose 202 was told, a bit each */
byte excused; /* void before they were accepted, and nobody could know */
byte live; /* processes that still act */
byte admitted, waiters; /* workers that were let in: all, in mode queue */
bool drain, kept; /* the faults have stopped; nothing is left to do */
bool rolled, copied, acked; /* Redis: was set back; may be, to what copy */
bool lost; /* it broke its word, as it may under accept_loss */
byte settlers;
#ifdef LATE
byte lk[2], ll[2], lep; /* a packet on its way: claims + 1 */
#endif

/* Scratch within one d_step (and only there). */
hidden byte i, j, x, y, z, held;

#define BIT(k) (1 << (k))
#ifdef POISON
#define POISONED(k) (KEY(k) == POISON)
#else
#define POISONED(k) false
#endif

inline tell(v)
{
	assert(told[r] == 0 || told[r] == v);	/* I7, I5: never yes and no */
	if
	:: v == NO ->
		for (i : 0 .. NA - 1) {	/* I9: what waits is no "no" */
			assert(lost || !(accepted & BIT(CL(r, i))) ||
			    row[CL(r, i)] == VOID)
		}
	:: else
	fi;
	told[r] = v
}

/* 202, for attempt t. */
inline tell_accepted(t)
{
	/* A gate that forgot what is void accepts it again: that is never sold. */
	assert(told[r] != NO || row[CL(r, t)] == VOID);
	accepted = accepted | BIT(CL(r, t))
}

/* Sold attempts of the key r -> x: how many, y: the last. */
inline own_row()
{
	x = 0; y = 0;
	for (i : 0 .. NA - 1) {
		if
		:: SOLD(CL(r, i)) -> x++; y = i
		:: else
		fi
	}
}

/* The customer's sold rows -> x. */
inline rows_count(c)
{
	x = 0;
	for (i : 0 .. LIM - 1) {
		if
		:: cs[SL(c, i)] != 0 -> x++
		:: else
		fi
	}
}

/* pending: the attempt of the key r that waits in epoch e -> j, or NA. */
inline own_waiting(e)
{
	j = NA;
	for (i : 0 .. NA - 1) {
		if
		:: gep == e && ent[KEYS(e) + CL(r, i)] != 0 -> j = i
		:: else
		fi
	}
}

/* I5: "sold out" for good: each unit has its row. */
inline sold_out()
{
	for (i : 0 .. NU - 1) { assert(own[i] != 0) }
	own_row();
	assert(x == 0);
	tell(NO)
}

/* ---- gate.lua, queue.lua -------------------------------------------------------- */

#define TAKEN 1
#define SAME 2
#define MINE 3
#define FULL 4 /* LIMIT */
#define SOFT 5
#define GONE 6
#define EPOCH 7
#define NOSALE 8
#define DONE 9 /* of ours: answered, or given up */
#define QUEUED 10
#define SPENT 11
#define GONEWAIT 12 /* GONE, and some of them wait */
#define SHUT 13

/* meta_of: of epoch e, and one that gives out; else res, and u: what it says. */
inline g_gives(e)
{
	if
	:: gep == 0 -> res = NOSALE
#ifndef BUG_NORETIRE
	:: gep != 0 && retired != 0 ->
		doubt = (gep == e -> 1 : doubt);
		res = EPOCH; u = retired
	:: gep != 0 && retired == 0 && gep != e -> res = EPOCH; u = gep
#else
	:: gep != 0 && gep != e -> res = EPOCH; u = gep
#endif
	:: else -> res = 0
	fi
}

/* known, room: with the chain's first `shown`; SAME, QUEUED: a.  TAKEN: s. */
inline g_claim(e, shown, queue)
{
	x = KEYS(e);
	for (i : 0 .. NA - 1) {
		if
#ifdef BUG_NEWATTEMPT
		:: queue && ent[x + CL(r, i)] != 0
#endif
		:: res == 0 && i < shown && rec[x + CL(r, i)] != 0 ->
			a = i;
			res = (ent[x + CL(r, i)] != 0 -> QUEUED : SAME);
			u = UNIT(rec[x + CL(r, i)]); s = SLOT(rec[x + CL(r, i)])
		:: else
		fi
	}
	z = LIM; held = 0;
	for (i : 0 .. LIM - 1) {
		y = slot[SLOTS(e) + SL(CUST(r), i)];
		held = held + (y != 0);
		if
		:: y == 0 && z == LIM -> z = i
#ifdef BUG_NEWATTEMPT
		:: y != 0 && queue && ent[x + y - 1] != 0
#endif
		:: y != 0 && res == 0 && KEY(y - 1) == r &&
		    (y - 1) % NA < shown -> res = MINE
		:: else
		fi
	}
	y = 0; j = 0; /* leased, waiting */
	for (i : 0 .. NK - 1) {
		y = y + (rec[x + i] != 0 && ent[x + i] == 0);
		j = j + (ent[x + i] != 0)
	}
	x = 0;
	for (i : 0 .. NU - 1) { x = x + fr[UNITS(e) + i] }
	if
	:: res == 0 && SHUTS(queue) -> res = SHUT
	:: else
	fi;
	if
	:: res != 0
	:: res == 0 && z == LIM -> res = FULL
	:: res == 0 && z < LIM && x == 0 && y > 0 -> res = SOFT
	:: res == 0 && z < LIM && x == 0 && y == 0 && j == 0 -> res = GONE
	:: res == 0 && z < LIM && x == 0 && y == 0 && j > 0 ->
		res = (doubt -> SOFT : GONEWAIT)
	:: res == 0 && z < LIM && x > 0 ->
		res = TAKEN; s = z; a = 0;
		if
		:: queue ->
			a = NA;
			for (i : 0 .. NA - 1) {
				if
				:: a == NA && i >= from &&
#ifdef BUG_NEWATTEMPT
				    ent[KEYS(e) + CL(r, i)] == 0 &&
#endif
				    !(spent[e - 1] & BIT(CL(r, i))) -> a = i
				:: else
				fi
			}
			res = (a == NA -> SPENT : TAKEN);
			a = (a == NA -> 0 : a)
		:: else
		fi
	fi
}

/* Which unit is at the head depends on what has come back: any. */
inline g_pop(e, queue)
{
	if
	:: fr[UNITS(e)] > 0 -> u = 0
	:: NU > 1 && fr[UNITS(e) + NU - 1] > 0 -> u = NU - 1
	:: NU > 2 && fr[UNITS(e) + 1] > 0 -> u = 1
	fi;
	fr[UNITS(e) + u]--;
	slot[SLOTS(e) + SL(CUST(r), s)] = CL(r, a) + 1;
	rec[KEYS(e) + CL(r, a)] = LEASE(u, s);
	if
	:: queue ->
#ifdef TERMS
		assert(!sealed);	/* I11 */
#endif
		ent[KEYS(e) + CL(r, a)] = NEWID;
		excused = (row[CL(r, a)] == VOID -> excused | BIT(CL(r, a)) :
		    excused)
	:: else
	fi
}

/* Leases only. */
#ifdef BUG_REAPALL
#define LEASED(e, k) (rec[KEYS(e) + (k)] != 0)
#else
#define LEASED(e, k) (rec[KEYS(e) + (k)] != 0 && ent[KEYS(e) + (k)] == 0)
#endif

inline g_confirm(k, unit, e)
{
	if
	:: gep == e && LEASED(e, k) && UNIT(rec[KEYS(e) + k]) == unit ->
		rec[KEYS(e) + k] = 0; ent[KEYS(e) + k] = 0
	:: else
	fi
}

/* Slots that name the claim. */
inline g_slots_clear(k, e)
{
	for (j : 0 .. NS - 1) {
		if
		:: slot[SLOTS(e) + j] == k + 1 -> slot[SLOTS(e) + j] = 0
		:: else
		fi
	}
}

inline g_release(k, isvoid, e)
{
	if
	:: gep == e ->
		if
		:: !isvoid -> doubt = 1
		:: else
		fi;
		if
		:: rec[KEYS(e) + k] != 0 && !LEASED(e, k)
		:: else ->
			if
			:: isvoid -> g_slots_clear(k, e);
				spent[e - 1] = spent[e - 1] | BIT(k)
			:: else
			fi;
			if
			:: rec[KEYS(e) + k] != 0 ->
				x = UNIT(rec[KEYS(e) + k]);
				rec[KEYS(e) + k] = 0; ent[KEYS(e) + k] = 0;
				fr[UNITS(e) + x]++
			:: else
			fi
		fi
	:: else
	fi
}

/* own: slots of the customer's rows written back; what it knew is no news. */
inline g_own(c, e)
{
	if
	:: gep == e ->
		for (i : 0 .. LIM - 1) {
			if
			:: cs[SL(c, i)] != 0 &&
			    slot[SLOTS(e) + SL(c, i)] != cs[SL(c, i)] ->
				doubt = 1;
				slot[SLOTS(e) + SL(c, i)] = cs[SL(c, i)]
			:: else
			fi
		}
	:: else
	fi
}

inline g_heal(k, unit, e)
{
	if
	:: gep == e ->
		if
		:: LEASED(e, k) && UNIT(rec[KEYS(e) + k]) == unit ->
			rec[KEYS(e) + k] = 0; g_slots_clear(k, e); doubt = 1
		:: else
		fi;
		x = own[unit] - 1;
		g_own(CUST(KEY(x)), e)
	:: else
	fi
}

/* from, to: res, and u, s when the answer is TAKEN or SAME. */
inline g_rekey(k, to, e)
{
	x = 0;
	for (j : 0 .. LIM - 1) {
		x = x + (slot[SLOTS(e) + SL(CUST(r), j)] == to + 1)
	}
	y = KEYS(e);
	if
	:: gep != e -> res = EPOCH
	:: gep == e && (rec[y + to] != 0 || x > 0) ->
		if
		:: ent[y + to] != 0 -> res = QUEUED
		:: ent[y + to] == 0 && rec[y + to] != 0 -> res = SAME;
			u = UNIT(rec[y + to]); s = SLOT(rec[y + to])
		:: else -> res = MINE
		fi;
		if
		:: LEASED(e, k) ->
			x = UNIT(rec[y + k]); rec[y + k] = 0;
			g_slots_clear(k, e);
			fr[UNITS(e) + x]++
		:: else
		fi
	:: gep == e && !(rec[y + to] != 0 || x > 0) && !LEASED(e, k) ->
		res = SOFT
	:: else ->
		res = TAKEN; u = UNIT(rec[y + k]); s = SLOT(rec[y + k]);
		rec[y + to] = rec[y + k]; rec[y + k] = 0;
		x = SLOTS(e) + SL(CUST(r), s);
		if
		:: slot[x] == 0 || slot[x] == k + 1 -> slot[x] = to + 1
		:: else
		fi
	fi
}

/* ---- the guarded inserts ------------------------------------------------------------ */

#define RECORDED 1
#define FENCED 2
#define CLASH 3
#define REFUSED 4

#define IN_THE_WAY(k, l) (row[k] != 0 || own[UNIT(l)] != 0 || \
	cs[SL(CUST(KEY(k)), SLOT(l))] != 0)

inline insert(k, l)
{
	for (z : 0 .. NA - 1) {
		assert(!SOLD(CL(KEY(k), z)))	/* I7 */
	}
	assert(told[KEY(k)] != NO);	/* I5 */
	assert(own[UNIT(l)] == 0);	/* I1 */
	row[k] = BOUGHT(UNIT(l));
	own[UNIT(l)] = k + 1;
	cs[SL(CUST(KEY(k)), SLOT(l))] = k + 1
}

inline l_record(k, l, e, out)
{
	if
	:: e != epoch || state != OPEN -> out = FENCED
	:: else ->
		if
		:: IN_THE_WAY(k, l) -> out = CLASH
		:: else -> out = RECORDED; insert(k, l)
		fi
	fi
}

/* Claims + 1, or 0.  Paused and closed sales take what was accepted. */
inline l_batch(k0, l0, k1, l1, e, out)
{
	if
#ifdef BUG_NOEPOCH
	:: state == REBUILDING -> out = FENCED
#else
	:: e != epoch || state == REBUILDING -> out = FENCED
#endif
	:: else ->
		x = (k0 != 0 && IN_THE_WAY(k0 - 1, l0));
		x = x || (k1 != 0 && IN_THE_WAY(k1 - 1, l1));
		x = x || (k0 != 0 && k1 != 0 && (UNIT(l0) == UNIT(l1) ||
		    SL(CUST(KEY(k0 - 1)), SLOT(l0)) ==
		    SL(CUST(KEY(k1 - 1)), SLOT(l1))));
		if
		:: k0 != 0 && POISONED(k0 - 1) || k1 != 0 && POISONED(k1 - 1) ->
			out = REFUSED
		:: else ->
			out = (x -> CLASH : RECORDED);
			if
			:: !x && k0 != 0 -> insert((k0 - 1), l0)
			:: else
			fi;
			if
			:: !x && k1 != 0 -> insert((k1 - 1), l1)
			:: else
			fi
		fi
	fi
}

/* void_claims and find: whoever was first stays, so that they may be one step.  Who
 * acts for an epoch that is over decides nothing. */
inline l_void(k, e)
{
	if
#ifdef BUG_LATEVOID
	:: row[k] == 0 ->
#else
	:: row[k] == 0 && e == epoch ->
#endif
#ifdef HONEST
		/* I10: nobody's 202 becomes void without a reason. */
		assert(!(accepted & BIT(k)) || POISONED(k) || excused & BIT(k));
#endif
		row[k] = VOID
	:: else
	fi
}

#ifdef LATE
inline packet_gone()
{
	lk[0] = 0; ll[0] = 0; lk[1] = 0; ll[1] = 0; lep = 0
}

proctype Network()
{
	byte out;

end:	do
	:: d_step { lep != 0 ->
		l_batch(lk[0], ll[0], lk[1], ll[1], lep, out);
		out = 0; packet_gone() }
	:: d_step { lep != 0 -> packet_gone() }
	od
}
#define NOTHING_LATE (lep == 0)
#else
#define NOTHING_LATE true
#endif

/* ---- a purchase: buy.c, buy_accept.c, buy_look.c, buy_clash.c --------------------------- */

/* What the gate's answer means: claim_answered, gone. */
inline w_judge()
{
	if
	:: res == GONE && held == 0 -> sold_out(); res = DONE
	:: res == GONEWAIT && held == 0 ->
		/* "Sold out", and may return: not about his own. */
		own_row();
		assert(x == 0);
#ifdef BUG_FINALWAIT
		sold_out();
#endif
		res = DONE
	:: res == SOFT && held == 0 || res == NOSALE -> res = DONE
	:: res == SPENT -> tell(NO); res = DONE
	:: else
	fi
}

/* all_held, not_selling: the entry of an attempt, if the gate is known. */
inline w_pending()
{
	own_waiting(ep);
	if
	:: j < NA -> a = j; res = QUEUED; tries = rolled
	:: else -> res = (gep == ep -> 0 : NOSALE)
	fi
}

/* buy_step_clash: the rows of the chain, read at once. */
#define C_CONFIRM 1
#define C_ELSEWHERE 2
#define C_RELEASE 3
#define C_REKEY 4
inline w_clash()
{
	tries = 0;
	own_row();
	j = NA;
	for (i : 0 .. NA - 1) {
		if
		:: i > a && j == NA && row[CL(r, i)] == 0 -> j = i
		:: else
		fi
	}
	if
	:: x > 0 ->	/* clash_own_sold */
		tell(YES);
		if
		:: y == a && row[CL(r, a)] == BOUGHT(u) -> res = C_CONFIRM
		:: y == a && row[CL(r, a)] != BOUGHT(u) -> res = C_ELSEWHERE
		:: y != a && row[CL(r, a)] == VOID -> res = C_RELEASE
		:: else -> res = DONE
		fi
	:: x == 0 && row[CL(r, a)] == VOID && j == NA ->	/* key-spent */
		tell(NO);
		res = C_RELEASE
	:: x == 0 && row[CL(r, a)] == VOID && j < NA ->
		tries = j;
		res = (n < ROUNDS -> C_REKEY : DONE)
	:: else -> res = 0
	fi
}

/* history_read: how many attempts are void -> from; NA: all of them. */
inline w_history()
{
	own_row();
	from = 0;
	do
	:: from < NA && row[CL(r, from)] == VOID -> from++
	:: else -> break
	od;
	if
	:: x > 0 -> tell(YES); res = DONE
	:: x == 0 && from == NA -> tell(NO); res = DONE
	:: else -> res = 0
	fi
}

proctype W(byte r)
{
	byte a, u, s, ep, n, res, tries, from;
	bool resynced, queue, in, counted, waits, calm;

admit:
	atomic {	/* the sale table, of any age: then a pause */
		ep = epoch; queue = queues;
		waits = waits || queue || waiters > 0;
#ifdef BUILDS
		waits = 1;
#endif
		d_step { for (i : 0 .. NK - 1) { waits = waits || ent[i] != 0 } }
		if
		:: state != OPEN -> res = state; calm = (admitted == 0);
			goto not_selling
		:: state == OPEN && !in -> in = 1; admitted++
		:: else
		fi;
		waiters = waiters + (queue && !counted);
		counted = counted || queue
	};

claim:
	n++;
	if
	:: n > ROUNDS -> goto fin
	:: else
	fi;
	from = 0;
#ifdef BUILDS
	if	/* history_read */
	:: ep > 1 && queue -> d_step { w_history() }
		if
		:: res == DONE -> goto fin
		:: else
		fi
#ifdef AWAY
	:: ep > 1 && queue
#endif
	:: else
	fi;
#endif
accept:
	atomic {
		d_step {
#ifdef BUG_EPOCHLESS
			res = 0;
			if
			:: !queue -> g_gives(ep)
			:: else
			fi;
#else
			g_gives(ep);
#endif
			if
			:: res == 0 -> g_claim(ep, (queue -> NA : SHOWN), queue)
			:: else
			fi;
			w_judge()
		}
		if
		:: res == TAKEN -> g_pop(ep, queue)
		:: else
		fi;
		tries = rolled
	};
	if
	:: res == DONE -> goto fin
	:: res == QUEUED && queue && a < from -> goto fin
	:: queue && (res == TAKEN || res == QUEUED && a >= from) ->
		if
		:: goto fin
		:: tries != rolled -> goto accept	/* UNKNOWN */
		:: d_step { tries == rolled ->	/* it is on disk */
			acked = copied; tell_accepted(a) }
			goto fin
		fi
	:: !queue && res == QUEUED -> goto shown
	:: res == SHUT -> goto fenced	/* the ledger says why */
	:: res == EPOCH -> atomic {	/* claim_resync */
			if
			:: u != epoch || resynced -> goto fin
			:: else -> resynced = 1; u = 0; goto admit
			fi }
	:: res == SAME || !queue && res == TAKEN -> tries = 0; goto record
	:: else
	fi;

look_up:
	tries = 0;
	atomic { skip; d_step {
		own_row();
		if
		:: x > 0 -> tell(YES); res = DONE
		:: else ->
			rows_count(CUST(r));
			if
			:: x >= LIM -> tell(NO); res = DONE
			:: x < LIM && res == GONE -> sold_out(); res = DONE
			:: else
			fi
		fi
	} };
	if
	:: res == FULL -> d_step { w_pending() }	/* all_held */
	:: else
	fi;
	if
	:: res == QUEUED -> goto shown
	:: else -> goto fin
	fi;

shown:	/* attempt a waits, which maybe another has sent: touched, and waited for */
#if defined(SYNCS) && !defined(BUG_HEARSAY)
	if
	:: goto fin	/* not in time, or on another connection */
	:: d_step { tries == rolled -> acked = copied; tell_accepted(a) }
	fi;
#else
	atomic { skip; d_step { tell_accepted(a) } };
#endif
	goto fin;

record:
	if
	:: goto fin
	:: d_step { l_record(CL(r, a), LEASE(u, s), ep, res) }
	fi;
	if
	:: res == RECORDED ->
		if
		:: goto fin	/* killed before it could say so */
		:: skip
		:: tries == 0 -> tries++; goto record	/* UNKNOWN */
		fi
	:: res == FENCED -> goto fenced
	:: res == CLASH -> goto clash
	fi;
	res = 0;
	d_step { own_row(); assert(x == 1 && y == a); tell(YES) };
	if
	:: goto fin
	:: d_step { g_confirm(CL(r, a), u, ep) }
	fi;
	goto fin;

fenced:
	atomic {
		if
		:: state == OPEN -> goto fin
		:: else -> res = state; ep = epoch; queue = queues
		fi
	};
not_selling:	/* the gate first */
	if
	:: queue || waits ->
		tries = res;
		atomic { skip; d_step {
			own_waiting(ep);
			res = (gep == ep -> j : NA + 1);
			n = rolled
		} }
#ifdef SYNCS
		if
		:: res < NA ->
			if
			:: res = NA + 1	/* not in time: nobody knows */
			:: d_step { n == rolled -> acked = copied }
			fi
		:: else
		fi
#endif
	:: else -> tries = res; res = NA
	fi;
	atomic { skip; d_step {
		own_row();
		if
		:: x > 0 -> tell(YES)
		:: x == 0 && res < NA -> tell_accepted(res)
		/* ended: nobody who was let in before was on his way any more. */
#ifdef BUG_ENDEDMODE
		:: x == 0 && res == NA && tries == CLOSED &&
		    (!queue || calm) ->
#else
		:: x == 0 && res == NA && tries == CLOSED &&
		    (!queue && !waits || calm) ->
#endif
			tell(NO)
		:: else
		fi
	} };
	goto fin;

clash:
	atomic { skip; d_step { w_clash() } };
	if
	:: res == DONE -> goto fin
	:: res == C_CONFIRM || res == C_ELSEWHERE || res == C_RELEASE ->
		if
		:: goto fin
		:: d_step {
			if
			:: res == C_CONFIRM -> g_confirm(CL(r, a), u, ep)
			:: else -> g_release(CL(r, a), res == C_RELEASE, ep)
			fi }
		fi;
		goto fin
	:: res == C_REKEY ->	/* clash_void */
		if
		:: goto fin
		:: d_step {
			res = 0; n++;
			g_rekey(CL(r, a), CL(r, tries), ep);
			if
			:: res == TAKEN || res == SAME || res == QUEUED ->
				a = tries
			:: else
			fi;
			tries = (res == QUEUED -> rolled : 0) }
		fi;
		if
		:: res == MINE -> goto look_up
		:: res == QUEUED -> goto shown
		:: res == TAKEN || res == SAME -> goto record
		:: else -> goto fin
		fi
	:: else
	fi;
	if	/* find_unit */
	:: own[u] != 0 && KEY(own[u] - 1) == r -> goto clash
	:: own[u] != 0 && KEY(own[u] - 1) != r ->	/* clash_unit */
		if
		:: goto fin
		:: d_step { g_heal(CL(r, a), u, ep) }
			goto claim
		fi
	:: else
	fi;
	d_step { own_row(); res = (x > 0 -> DONE : 0) };	/* find_customer */
	if
	:: res == DONE -> goto clash	/* a twin has sold meanwhile */
	:: else
	fi;
	assert(cs[SL(CUST(r), s)] != 0);
	if	/* clash_slot */
	:: goto fin
	:: d_step { l_void(CL(r, a), ep) }
	fi;
	if
	:: SOLD(CL(r, a)) -> tries = 0; goto clash
	:: row[CL(r, a)] == 0 -> goto fin	/* that epoch is over */
	:: else
	fi;
	if
	:: goto fin
	:: d_step { g_release(CL(r, a), true, ep) }
	fi;
	if
	:: goto fin
	:: d_step { g_own(CUST(r), ep); rows_count(CUST(r));
		if
		:: x == LIM -> tell(NO)
		:: else
		fi }
	fi;

fin:	atomic { admitted = admitted - in;
		waiters = waiters - counted;
		a = 0; u = 0; s = 0; ep = 0; n = 0; res = 0; tries = 0;
		from = 0; resynced = 0; queue = 0; in = 0; counted = 0; waits = 0; calm = 0;
		live-- }
}

/* ---- the keeper: reap.c ------------------------------------------------------------------ */

#define CLAIMS(e) (rec[KEYS(e)] + rec[KEYS(e) + 1] + rec[KEYS(e) + NK - 2] + \
	rec[KEYS(e) + NK - 1] + (NK > 4 -> rec[KEYS(e) + 2] + rec[KEYS(e) + 3] : 0))
#define WAITS(e) (ent[KEYS(e)] + ent[KEYS(e) + 1] + ent[KEYS(e) + NK - 2] + \
	ent[KEYS(e) + NK - 1] + (NK > 4 -> ent[KEYS(e) + 2] + ent[KEYS(e) + 3] : 0))

/* gate_trouble_of */
#define TROUBLE (state == CLOSED -> \
	(gep != 0 && gep != epoch && WAITS(gep) > 0) : \
	(state == REBUILDING || gep != epoch || doubt))
#define QUIET (NOTHING_LATE && !TROUBLE && (gep == 0 || gep != epoch || \
	CLAIMS(gep) == 0))

#define HAS_LEASE(k) (gep != 0 && LEASED(gep, k))

proctype Keeper()
{
	byte k, u, e;
	bool isvoid, elsewhere;

	do
	:: atomic {	/* leases: any of them may have run out */
		if
		:: HAS_LEASE(0) -> k = 0
		:: HAS_LEASE(1) -> k = 1
#if NR > 1
		:: HAS_LEASE(NK - 2) -> k = NK - 2
		:: HAS_LEASE(NK - 1) -> k = NK - 1
#endif
#if NR > 2
		:: HAS_LEASE(2) -> k = 2
		:: HAS_LEASE(3) -> k = 3
#endif
		fi;
		e = gep;
		u = UNIT(rec[KEYS(e) + k]) }
		d_step {
			l_void(k, e);
			isvoid = (row[k] == VOID);
			elsewhere = SOLD(k) && row[k] != BOUGHT(u) }
		d_step {	/* only a row that was read decides */
			if
			:: isvoid || elsewhere -> g_release(k, isvoid, e)
			:: !isvoid && !elsewhere && row[k] == BOUGHT(u) ->
				g_confirm(k, u, e)
			:: else
			fi;
			k = 0; u = 0; e = 0; isvoid = 0; elsewhere = 0 }
	:: d_step { drain && QUIET -> kept = 1 }
		break
	od
}

/* ---- a settler: settle.c, settle_one.c ----------------------------------------------------- */

/* Fates. */
#define F_SOLD 1
#define F_VOID 2
#define F_TAKEN 3
#define F_ELSEWHERE 4

/* What `me` may take: his own, and new ones; or also what another has. */
#define OWN_OR_NEW(n) (ID(n) != 0 && (WHO(n) == 0 || WHO(n) == me))
#define IDLE(n) (ID(n) != 0 && WHO(n) != 0 && WHO(n) != me)
#define ANY(f) (gep != 0 && (f(ent[KEYS(gep)]) || f(ent[KEYS(gep) + 1]) || \
	f(ent[KEYS(gep) + NK - 2]) || f(ent[KEYS(gep) + NK - 1]) || \
	NK > 4 && (f(ent[KEYS(gep) + 2]) || f(ent[KEYS(gep) + 3]))))

inline take_some(idle)
{
	for (i : 0 .. NK - 1) {
		x = KEYS(e) + i;
		if
		:: (idle -> IDLE(ent[x]) : OWN_OR_NEW(ent[x])) &&
		    k[BATCH - 1] == 0 ->
			y = (k[0] == 0 -> 0 : 1);
			k[y] = i + 1; l[y] = rec[x]; id[y] = ID(ent[x]);
			ent[x] = ID(ent[x]) + 4 * me;
#ifdef BUG_DROPFIRST
			ent[x] = 0; rec[x] = 0
#endif
		:: else
		fi
	}
}

/* Each at most once effective: the record must name the entry. */
inline g_settled()
{
	if
	:: gep == e ->
		for (i : 0 .. BATCH - 1) {
			if
			:: f[i] != 0 ->
				x = KEYS(e) + k[i] - 1;
				y = (rec[x] != 0 && ID(ent[x]) == id[i]);
				z = (f[i] == F_VOID || f[i] == F_TAKEN);
				doubt = doubt || y && f[i] > F_VOID;
				if
#if defined(BUG_TWICE) || defined(BUG_CLAIMLIVE)
				:: f[i] == F_VOID || f[i] == F_ELSEWHERE ->
#else
				:: y && (f[i] == F_VOID || f[i] == F_ELSEWHERE) ->
#endif
					fr[UNITS(e) + UNIT(l[i])]++
				:: else
				fi;
				if
				:: z && (y || rec[x] == 0) ->
					g_slots_clear((k[i] - 1), e);
#ifndef BUG_NOVOIDSET
					spent[e - 1] = spent[e - 1] |
					    BIT(k[i] - 1)
#endif
				:: else
				fi;
				if
				:: y -> rec[x] = 0; ent[x] = 0
				:: else
				fi
			:: else
			fi
		}
	:: else
	fi
}

/* by_row, by what was read -> res */
inline s_by_row()
{
	if
	:: row[k[c] - 1] == BOUGHT(UNIT(l[c])) -> f[c] = F_SOLD
	:: SOLD(k[c] - 1) && row[k[c] - 1] != BOUGHT(UNIT(l[c])) ->
		f[c] = F_ELSEWHERE
	:: else
	fi
}

proctype Settler(byte me)
{
	byte e, c, res, tries;
	byte k[BATCH], l[BATCH], id[BATCH], f[BATCH];

again:
	atomic {
		d_step { for (i : 0 .. BATCH - 1) {
			k[i] = 0; l[i] = 0; id[i] = 0; f[i] = 0 } skip };
		c = 0; res = 0; tries = 0; e = 0;
		/* take: of the generation that there is, or STALE */
		if
		:: kept -> goto stop
		:: !kept && ANY(OWN_OR_NEW) -> e = gep;
			d_step { take_some(false); skip }
#if SETTLERS > 1
		:: !kept && ANY(IDLE) -> e = gep;
			d_step { take_some(false); take_some(true); skip }
#endif
		fi };
#ifdef BUG_ACKSFIRST
	d_step {
		for (i : 0 .. BATCH - 1) { f[i] = (k[i] != 0 -> F_SOLD : 0) }
		g_settled();
		for (i : 0 .. BATCH - 1) { f[i] = 0 }
		skip };
#endif
batch:
	atomic {
		if
		:: goto again
#ifdef LATE
		:: d_step { lep == 0 -> lep = e; for (i : 0 .. BATCH - 1) {
			lk[i] = k[i]; ll[i] = l[i] } skip }
			if
			:: goto again
			:: tries == 0 -> tries++; goto batch	/* UNKNOWN */
			fi
#endif
		:: d_step { l_batch(k[0], l[0], k[1], l[1], e, res) }
		fi;
		if
		:: res == RECORDED -> res = 0;
			if
			:: goto again	/* it has died, or given up */
			:: tries == 0 -> tries++; goto batch	/* UNKNOWN */
			:: d_step { for (i : 0 .. BATCH - 1) {
				f[i] = (k[i] != 0 -> F_SOLD : 0) } skip };
				tries = 0; goto tell_gate
			fi
		:: else -> tries = 0
		fi };
	if
	:: res == FENCED -> atomic { res = 0;	/* fence_read */
		if
		:: epoch != e || state == REBUILDING -> goto again
		:: else -> goto alone
		fi }
	:: else
	fi;
look:	/* rows_read, and before each alone */
	atomic {
		res = 0;
		if
#ifdef BUG_BLIND
		:: f[c] = F_SOLD; goto next
#else
		:: row[k[c] - 1] != 0 -> goto by_row
		:: row[k[c] - 1] == 0
#endif
		fi };
alone:
	atomic {
		if
		:: goto again
#ifdef LATE
		:: d_step { lep == 0 -> lep = e; lk[0] = k[c]; ll[0] = l[c] }
			if
			:: goto next	/* it stays open */
			:: tries == 0 -> tries++; goto alone
			fi
#endif
		:: d_step { l_batch(k[c], l[c], 0, 0, e, res) }
		fi;
		if
		:: res == RECORDED -> res = 0;
			if
			:: goto again
			:: tries == 0 -> tries++; goto alone
			:: f[c] = F_SOLD; goto next
			fi
		:: else -> tries = 0
		fi };
	if
	:: res == FENCED -> atomic { res = 0;
		if
		:: epoch != e || state == REBUILDING -> goto again
		:: else -> goto next
		fi }
	:: res == REFUSED -> res = 0; goto void_make	/* bury */
	:: res == CLASH -> res = 0
	fi;
	if	/* settle_clash */
	:: row[k[c] - 1] != 0 -> goto by_row
	:: row[k[c] - 1] == 0
	fi;
	if	/* find_unit */
	:: own[UNIT(l[c])] == k[c] -> goto by_row
	:: own[UNIT(l[c])] != 0 && own[UNIT(l[c])] != k[c] -> goto void_make
	:: own[UNIT(l[c])] == 0
	fi;
	atomic {	/* slot_settle */
		if
		:: cs[SL(CUST(KEY(k[c] - 1)), SLOT(l[c]))] == k[c] -> goto by_row
		:: else
		fi;
		/* Nothing is cancelled here. */
		assert(cs[SL(CUST(KEY(k[c] - 1)), SLOT(l[c]))] != 0) };
	if
	:: goto again
	:: d_step { g_own(CUST(KEY(k[c] - 1)), e); skip }
	fi;
void_make:
	if
	:: goto again
	:: d_step { l_void((k[c] - 1), e); res = (row[k[c] - 1] == 0) }
	fi;
	if
	:: res -> goto again	/* that epoch is over: nothing is buried */
	:: !res
	fi;
by_row:
	atomic {
		d_step { s_by_row() };
		if
		:: f[c] != 0 -> goto next
		:: else
		fi };
	atomic {	/* void_settle: find_unit */
		if
		:: own[UNIT(l[c])] == 0 -> f[c] = F_VOID; goto next
		:: else
		fi };
	if
	:: goto again
	:: d_step { g_own(CUST(KEY(own[UNIT(l[c])] - 1)), e); f[c] = F_TAKEN }
	fi;
next:
	atomic {
		tries = 0;
		if
		:: c < BATCH - 1 && k[c + 1] != 0 -> c++; goto look
		:: else -> c = 0
		fi };
tell_gate:
	atomic {
		if
		:: goto again
		:: d_step { g_settled(); skip }
		fi;
		if
		:: goto again
#ifndef BUG_CLAIMLIVE
		:: tries == 0 -> tries = 1; goto tell_gate	/* UNKNOWN */
#endif
		fi };
stop:	atomic { e = 0; settlers-- }
}

/* ---- a gate made anew: rebuild.c, rebuild_carry.c ---------------------------------------------- */

#ifdef BUILDS
inline keys_clear(ep)
{
	for (i : 0 .. NU - 1) { fr[UNITS(ep) + i] = 0 }
	for (i : 0 .. NS - 1) { slot[SLOTS(ep) + i] = 0 }
	for (i : 0 .. NK - 1) {
		rec[KEYS(ep) + i] = 0; ent[KEYS(ep) + i] = 0
	}
	spent[ep - 1] = 0
}

inline b_begin()
{
	if
	:: epoch == e && state == st && e < NE - (!drain) ->
		epoch++; e++;
		state = (state == OPEN -> REBUILDING : state);
		won = 1
	:: else -> won = 0
	fi
}

/* retire */
inline b_retire()
{
	if
	:: gep >= e -> won = 0
	:: else -> retired = (retired < e -> e : retired)
	fi
}

/* old_find: where orders may wait. */
inline b_find()
{
	first = (gep > 0 && gep < e -> gep : 1);
	last = (gep > 0 && gep < e -> gep : e - 1)
}

/* discard, sold_after, own: nothing is sold behind the fence. */
inline b_read()
{
	keys_clear(e);
	for (i : 0 .. NU - 1) { home[i] = (own[i] != 0 -> 1 : 0) }
	for (i : 0 .. NS - 1) {
		slot[SLOTS(e) + i] = cs[i];
		nown = nown + (cs[i] != 0)
	}
}

/* queue_scan of epoch `first`, find, entry_sift. */
inline b_sift()
{
	for (i : 0 .. NK - 1) {
		page[i] = 0;
		if
		:: ent[KEYS(first) + i] != 0 && row[i] == 0 ->
			page[i] = rec[KEYS(first) + i];
			y = UNIT(page[i]);
			if
			:: home[y] == i + 2 -> page[i] = 0
			:: home[y] == 0 -> home[y] = i + 2;
				takes = takes | BIT(i)
			:: else -> voids = voids | BIT(i)
			fi
		:: else
		fi
	}
}

inline b_carry()
{
	if
	:: gep >= e -> won = 0
	:: else ->
		for (i : 0 .. NK - 1) {
			if
			:: takes & BIT(i) ->
				x = SLOTS(e) + SL(CUST(KEY(i)), SLOT(page[i]));
				if
				:: rec[KEYS(e) + i] != 0 ->	/* THERE */
					home[UNIT(page[i])] = 0;
					page[i] = 0
				:: rec[KEYS(e) + i] == 0 && slot[x] != 0 &&
				    slot[x] != i + 1 ->
					home[UNIT(page[i])] = 0;
					page[i] = 0;
					voids = voids | BIT(i)
				:: else ->
					nwait++;
					slot[x] = i + 1;
					rec[KEYS(e) + i] = page[i];
					ent[KEYS(e) + i] = NEWID
				fi
			:: !(takes & BIT(i)) && (voids & BIT(i)) &&
			    rec[KEYS(e) + i] != 0 ->	/* asked about: THERE */
				page[i] = 0;
				voids = voids & ~BIT(i)
			:: else
			fi
		}
	fi;
#ifdef BUG_VOIDCARRIED
	voids = voids | takes;
#endif
	takes = 0;
	/* For whom a unit has become free: another round. */
	for (i : 0 .. NK - 1) {
		y = UNIT(page[i]);
		if
		:: (voids & BIT(i)) && page[i] != 0 && home[y] == 0 ->
			home[y] = i + 2;
			takes = takes | BIT(i); voids = voids & ~BIT(i)
		:: else
		fi
	}
}

inline b_void()
{
	for (i : 0 .. NK - 1) {
		page[i] = 0;
		if
		:: voids & BIT(i) -> l_void(i, e);
#ifndef BUG_LATEVOID
			won = won && row[i] != 0	/* voided_read */
#endif
		:: else
		fi
	}
	voids = 0
}

inline b_seed()
{
	if
	:: gep >= e -> won = 0
	:: else ->
		for (i : 0 .. NU - 1) {
			if
#ifdef BUG_SEEDALL
			:: own[i] == 0 ->
#else
			:: home[i] == 0 ->
#endif
				fr[UNITS(e) + i]++; nfree++
			:: else
			fi
		}
	fi
}

inline b_publish()
{
	x = 0; y = 0; z = 0; held = 0;
	for (i : 0 .. NU - 1) { x = x + fr[UNITS(e) + i] }
	for (i : 0 .. NS - 1) { y = y + (slot[SLOTS(e) + i] != 0) }
	for (i : 0 .. NK - 1) {
		z = z + (ent[KEYS(e) + i] != 0);
		held = held + (rec[KEYS(e) + i] != 0)
	}
	if
	:: gep >= e || retired > e -> won = 0
#if !defined(BUG_MARKLOST) && !defined(BUG_NORETIRE)
	:: gep < e && retired < e -> won = 0
#endif
#ifndef BUG_COUNTLESS
	:: gep < e && retired <= e && (x != nfree || y != nown + nwait ||
	    z != nwait || held != z) -> won = 0
#endif
	:: else -> gep = e; retired = 0; doubt = 0;
#ifdef TERMS
		gshut = 0; gtold = 0
#endif
	fi
}

/* epoch_end, old_discard */
inline b_end()
{
	if
	:: epoch == e && state == REBUILDING -> state = OPEN
	:: else
	fi
}

proctype Rebuilder(bool mortal)
{
	byte e, st, first, last, nfree, nown, nwait, takes, voids;
	byte home[NU], page[NK];
	bool won, asked;

again:
	if
	:: mortal
	:: !mortal && kept -> goto stop
	:: !mortal && !kept && drain && TROUBLE
	fi;
	atomic { e = epoch; st = state };
	if
	:: mortal -> goto gone
	:: mortal && st == CLOSED -> goto gone
	:: !mortal || st != CLOSED -> d_step { b_begin(); skip }
	fi;
	if
	:: won
	:: !won -> goto gone
	fi;
	if
	:: mortal -> goto gone
#ifndef BUG_NORETIRE
	:: d_step { b_retire(); skip }
#else
	:: skip
#endif
	fi;
	if
	:: mortal || !won -> goto gone
	:: won -> d_step { b_find(); b_read(); skip }
	fi;
#ifndef BUG_CARRYNONE
	do
	:: first <= last ->
		if
		:: mortal -> goto gone
		:: d_step { b_sift(); skip }
		fi;
		do
		:: won && (takes != 0 || voids != 0 && !asked) ->
			d_step { b_carry(); asked = 1 }
		:: else -> break
		od;
		asked = 0;
		if
		:: !won -> goto gone
		:: won && voids != 0 ->
			if
			:: mortal -> goto gone
			:: d_step { b_void(); skip }
			fi;
			if
			:: !won -> goto gone
			:: won
			fi
		:: else
		fi;
		first++
	:: else -> break
	od;
#endif
	if
	:: mortal -> goto gone
	:: d_step { b_seed(); skip }
	fi;
	if
	:: mortal || !won -> goto gone
	:: won -> d_step { b_publish(); skip }
	fi;
	if
	:: mortal || !won -> goto gone
	:: won -> d_step { b_end(); skip }
	fi;
	if
	:: mortal -> goto gone
	:: d_step {
		for (x : 1 .. NE) {
			if
			:: x < e && gep != x -> keys_clear(x)
			:: else
			fi
		} }
	fi;
gone:
	atomic {
		d_step { for (i : 0 .. NU - 1) { home[i] = 0 }
			for (i : 0 .. NK - 1) { page[i] = 0 } }
		e = 0; st = 0; first = 0; last = 0; nfree = 0; nown = 0;
		nwait = 0; takes = 0; voids = 0; won = 0;
		if
		:: mortal -> live--
		:: else -> goto again
		fi };
stop:	skip
}
#endif

/* ---- whoever asks for his order: orders.c -------------------------------------------------- */

#ifdef GET
proctype Get(byte k)
{
	byte e, was;
	bool knew;

	if
	:: goto gone
	:: atomic { knew = (accepted & BIT(k)) != 0; e = epoch }
	fi;
	if
	:: row[k] != 0 -> goto gone
	:: row[k] == 0
	fi;
	atomic {	/* pending, of the generation that the table has */
		was = rolled;
		if
		:: gep != e -> goto gone	/* 503 */
		:: gep == e && ent[KEYS(e) + k] != 0 -> goto shown
		:: gep == e && ent[KEYS(e) + k] == 0
		fi };
#ifndef BUG_LOOKONCE
	if
	:: row[k] != 0 -> goto gone
	:: row[k] == 0
	fi;
#endif
	assert(!knew || lost);	/* 404 for what was accepted, and not decided */
	goto gone;
shown:	/* 202; "mine" shows what nobody was told of before */
#if defined(SYNCS) && !defined(BUG_HEARSAY)
	if
	:: goto gone	/* 503 */
	:: atomic { was == rolled -> acked = copied;
		accepted = accepted | BIT(k) }
	fi;
#else
	accepted = accepted | BIT(k);
#endif
gone:	atomic { e = 0; was = 0; knew = 0; live-- }
}
#endif

/* ---- what the gate is told: terms.c -------------------------------------------------------- */

#ifdef TERMS
/* gauge, then ledger, then a compare-and-set */
inline follow()
{
	do
	:: d_step { e = gep; was = gtold; shut = gshut }
		d_step { want = (state == CLOSED || !queues || epoch != e);
			done = (e == 0);
#ifdef BUG_AGREE
			done = done || shut == want;
#endif
			shut = 0 }
		d_step {
			if
#ifdef BUG_LASTWORD
			:: !done && gep == e ->
#else
			:: !done && gep == e && gtold == was ->
#endif
				gshut = want; gtold++; done = 1
			:: else
			fi;
			e = 0; was = 0; want = 0 }
		if
		:: done -> done = 0; break
		:: !done
		fi
	od
}

proctype Teller()
{
	byte e, was;
	bool shut, want, done;

	follow();
	live--
}
#endif

/* ---- the operator: ctl_mode.c, ctl_state.c ---------------------------------------------------- */

#ifdef SWITCH
proctype Switch()
{
	byte n;
#ifdef TERMS
	byte e, was;
	bool shut, want, done;
#endif

	do
	:: n < SWITCH -> atomic { queues = !queues; n++ }
#ifdef TERMS
		follow()
#endif
	:: break
	od;
	atomic { n = 0; live-- }
}
#endif

#ifdef CLOSE
proctype Close()
{
#ifdef TERMS
	byte e, was;
	bool shut, want, done;

	state = CLOSED;
	follow();
	atomic { sealed = 1; live-- }
#else
	atomic { state != CLOSED -> state = CLOSED; live-- }
#endif
}
#endif

/* ---- what becomes of Redis ------------------------------------------------------------------------ */

#ifdef FAULT
#ifdef ROLLBACK
byte s_gep, s_retired, s_doubt, s_fr[NE * NU], s_rec[NE * NK], s_ent[NE * NK];
byte s_slot[NE * NS], s_spent[NE];
#endif

proctype Fault()
{
#ifdef ROLLBACK
	d_step {	/* the copy */
		for (i : 0 .. NE * NU - 1) { s_fr[i] = fr[i] }
		for (i : 0 .. NE * NK - 1) { s_rec[i] = rec[i]; s_ent[i] = ent[i] }
		for (i : 0 .. NE * NS - 1) { s_slot[i] = slot[i] }
		for (i : 0 .. NE - 1) { s_spent[i] = spent[i] }
		s_gep = gep; s_retired = retired;
		copied = 1
	};
#endif
	if
	:: skip
#ifdef RESTART
	:: doubt = (gep != 0 -> 1 : doubt)
#endif
#ifdef NOMETA
	:: d_step { gep = 0; retired = 0; doubt = 0 }
#endif
#ifdef WIPE
	:: d_step {
		for (i : 0 .. NE * NU - 1) { fr[i] = 0 }
		for (i : 0 .. NE * NK - 1) { rec[i] = 0; ent[i] = 0 }
		for (i : 0 .. NE * NS - 1) { slot[i] = 0 }
		for (i : 0 .. NE - 1) { spent[i] = 0 }
		gep = 0; retired = 0; doubt = 0;
		lost = 1 }
#endif
#ifdef ROLLBACK
	:: d_step {
#ifndef WEAK
		!acked;
#else
		lost = 1;
#endif
		for (i : 0 .. NE * NU - 1) { fr[i] = s_fr[i] }
		for (i : 0 .. NE * NK - 1) { rec[i] = s_rec[i]; ent[i] = s_ent[i] }
		for (i : 0 .. NE * NS - 1) { slot[i] = s_slot[i] }
		for (i : 0 .. NE - 1) { spent[i] = s_spent[i] }
		gep = s_gep; retired = s_retired; doubt = (gep != 0);
		rolled = 1 }
#endif
	fi;
#ifdef ROLLBACK
	d_step {
		for (i : 0 .. NE * NU - 1) { s_fr[i] = 0 }
		for (i : 0 .. NE * NK - 1) { s_rec[i] = 0; s_ent[i] = 0 }
		for (i : 0 .. NE * NS - 1) { s_slot[i] = 0 }
		for (i : 0 .. NE - 1) { s_spent[i] = 0 }
		s_gep = 0; s_retired = 0; copied = 0; acked = 0
	};
#endif
	live--
}
#endif

/* ---- at the end --------------------------------------------------------------------------------------- */

inline judge()
{
	for (i : 0 .. NU - 1) {	/* I3 */
		assert(gep != epoch || state == CLOSED && rolled ||
		    fr[UNITS(gep) + i] + (own[i] != 0) == 1)
	}
	for (i : 0 .. NS - 1) {	/* nobody holds a slot that has no order */
		assert(gep != epoch || state == CLOSED && rolled ||
		    slot[SLOTS(gep) + i] == cs[i])
	}
	for (i : 0 .. NK - 1) {
		/* I9: each 202 is decided; and sold, while Redis keeps its word. */
		assert(!(accepted & BIT(i)) || row[i] != 0 || lost);
#ifdef HONEST
		assert(!(accepted & BIT(i)) || SOLD(i) || POISONED(i) ||
		    excused & BIT(i));
#endif
		assert(gep != epoch || rec[KEYS(gep) + i] == 0)
	}
}

init
{
	atomic {
		d_step {
#ifndef DIRECT
		queues = 1;
#else
#ifdef TERMS
		gshut = 1;
#endif
#endif
		gep = 1;
		for (i : 0 .. NU - 1) { fr[i] = 1 }
		}
#ifdef W1
		run W(W1); live++;
#endif
#ifdef W2
		run W(W2); live++;
#endif
#ifdef W3
		run W(W3); live++;
#endif
#ifdef FAULT
		run Fault(); live++;
#endif
#if REBUILDS > 0
		run Rebuilder(true); live++;
#endif
#if REBUILDS > 1
		run Rebuilder(true); live++;
#endif
#ifdef BUILDS
		run Rebuilder(false);
#endif
#ifdef SWITCH
		run Switch(); live++;
#endif
#ifdef CLOSE
		run Close(); live++;
#endif
#ifdef TERMS
		run Teller(); live++;
#endif
#ifdef GET
		run Get(CL(GET, 0)); live++;
#endif
#ifdef LATE
		run Network();
#endif
		run Settler(1); settlers++;
#if SETTLERS > 1
		run Settler(2); settlers++;
#endif
		run Keeper()
	};
	live == 0;
	drain = 1;
	kept;
	d_step { judge() };
	settlers == 0;	/* whoever comes late changes nothing */
	d_step { judge() }
}
