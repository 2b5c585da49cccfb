/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claim, lease, reap, rebuild, as the program does them (README.md here maps each
 * part to its function).  One atomic or d_step is one function call at Redis, or
 * one autocommit statement at MySQL; between two of them anybody may be delayed
 * for ever, and "goto fin" is a kill, a time-out, or a 503: nothing final said.
 *
 * W1, W2, W3	the key that each worker buys with (runs has the sets)
 * NU NA LIM	units, attempts of a key, limit of a customer
 * OLDGATE=r	unit 0 is sold to key r, and the gate does not know of it
 * ROLLBACK	once, Redis is set back to an earlier state
 * WIPE		once, Redis is emptied
 * REBUILDS=n	n operators make the gate anew, at any moment
 * AFTER		they begin when Redis has lost something
 * MEND=n	a keeper makes the gate anew when it sees reason to; n of these
 *		rebuilds may die on the way, the ones at the end do not
 * AUDIT	it also counts the units' homes, and believes what it sees twice
 * GROW, SHRINK	the stock is changed; the keeper carries it to the gate
 * ANEW		only when the gate was made anew
 * CLOSE	the sale is closed at any moment
 * PAUSE	it is paused at any moment, and perhaps resumed
 * KEEPERS=2	two hosts have a keeper each
 * LATE		one insert may arrive long after its worker has given up on it
 * LIVE		asks that it comes to rest, instead of what is asserted
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
#define ROUNDS 3
#endif
#ifndef REBUILDS
#define REBUILDS 0
#endif
#ifndef KEEPERS
#define KEEPERS 1
#endif
#if defined(GROW) || defined(SHRINK)
#define STOCK
#endif
#if REBUILDS > 0 || defined(MEND)
#define BUILDS
#endif
#if defined(ROLLBACK) || defined(WIPE)
#define FAULT
#endif
/* Redis tells the truth about the sale all the time. */
#if !defined(FAULT) && !defined(OLDGATE)
#define HONEST
#endif

#define NC 2
#define NK (NR * NA)
#define NS (NC * LIM)
#define CUST(r) ((r) / 2) /* keys 0 and 1 are one customer's, key 2 another's */
#define CL(r, i) ((r) * NA + (i)) /* the claim of attempt i */
#define KEY(k) ((k) / NA)
#define SL(c, n) ((c) * LIM + (n)) /* the customer's n-th slot */

/* How many attempts the gate is shown. */
#if LIM > 1 && !defined(BUG_CHAIN0)
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
#define PAUSED 3
byte epoch = 1, state = OPEN;
#ifdef STOCK
byte stock;
#else
#define stock NU
#endif

/* ---- the gate: the keys of the epoch that meta names -------------------------- */

byte gep, gunits; /* meta; gep 0: there is none */
byte fr[NU]; /* how often the unit is in the free list */
byte rec[NK]; /* lease and record: 1 + unit * LIM + slot */
byte slot[NS]; /* the claim + 1 */
#ifdef STOCK
bool away[NU]; /* above the stock, and not in the list when it shrank */
#endif
#ifdef MEND
bool doubt; /* meta: forgot, or the run id of another server */
#define DOUBT doubt = 1
#else
#define DOUBT skip
#endif
#define LEASE(u, s) (1 + (u) * LIM + (s))
#define UNIT(k) ((rec[k] - 1) / LIM)
#define SLOT(k) ((rec[k] - 1) % LIM)

/* The keys of the next epoch, which nobody sees before publish. */
#ifdef BUILDS
byte bep, bfr[NU], bslot[NS];
#endif
#ifdef BUG_LATEMARK
byte orec[NK]; /* the records of the epoch before, not unlinked yet */
#endif

/* What is wrong with the gate, going by a sale that was read and the gauge now. */
#define TROUBLE(ep, st) \
	(st == REBUILDING || st != CLOSED && (gep != ep || doubt))

/* ---- what shoppers were told, and what is going on ------------------------------ */

#define YES 1
#define NO 2
byte told[NR];
byte live; /* processes that still act */
bool drain, kept; /* the faults have stopped; the keeper has nothing left */
bool lost, dirty; /* Redis lost something ever, since the gate was made */
#ifdef LATE
byte late, lunit, lslot, lep; /* a packet on its way: claim + 1 */
#endif

/* Scratch within one d_step (and only there: a search that comes back to a choice
 * does not bring these back); no part of the state. */
hidden byte i, j, x, y, held;

#define ASKED_NO(k) (told[KEY(k)] == NO)

inline tell(v)
{
	assert(told[r] == 0 || told[r] == v);	/* I7, I5: never yes and no */
	told[r] = v
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

/* I5: nobody hears "sold out" while a unit of the stock that he knows is not. */
inline sold_out()
{
	for (i : 0 .. NU - 1) {
		assert(i >= st || own[i] != 0)
	}
	own_row();
	assert(x == 0);
	tell(NO)
}

/* ---- gate.lua ------------------------------------------------------------------- */

#define TAKEN 1
#define SAME 2
#define MINE 3
#define FULL 4 /* LIMIT */
#define SOFT 5
#define GONE 6
#define EPOCH 7
#define NOSALE 8
#define DONE 9 /* of ours: answered, or given up */

inline g_claim()
{
	j = SHOWN; x = LIM; held = 0;
	if
	:: gep == 0 -> res = NOSALE
	:: gep != 0 && gep != ep -> res = EPOCH
	:: else ->
		for (i : 0 .. SHOWN - 1) {
			if
			:: j == SHOWN && rec[CL(r, i)] != 0 -> j = i
			:: else
			fi
		}
		for (i : 0 .. LIM - 1) {
			y = slot[SL(CUST(r), i)];
			if
			:: y == 0 && x == LIM -> x = i
			:: y != 0 -> held++
			:: else
			fi;
			if
			:: y != 0 && KEY(y - 1) == r && (y - 1) % NA < SHOWN ->
				res = MINE
			:: else
			fi
		}
		y = 0;
		for (i : 0 .. NK - 1) {
			y = y + (rec[i] != 0)
		}
		i = 0;
		do
		:: i < NU && fr[i] == 0 -> i++
		:: else -> break
		od;
		if
		:: j < SHOWN ->
			res = SAME; a = j;
			u = UNIT(CL(r, j)); s = SLOT(CL(r, j))
		:: j == SHOWN && res == MINE -> skip
		:: j == SHOWN && res != MINE ->
			if
			:: x == LIM -> res = FULL
			:: x < LIM && i == NU && y > 0 -> res = SOFT
			:: x < LIM && i == NU && y == 0 -> res = GONE
			:: x < LIM && i < NU -> res = TAKEN; a = 0; s = x
			fi
		fi
	fi
}

/* Which unit is at the head depends on what has come back: any. */
inline g_pop()
{
	if
	:: fr[0] > 0 -> u = 0
	:: NU > 1 && fr[NU - 1] > 0 -> u = NU - 1
	:: NU > 2 && fr[1] > 0 -> u = 1
	fi;
	fr[u]--;
	slot[SL(CUST(r), s)] = CL(r, 0) + 1;
#ifndef BUG_SPLIT
	rec[CL(r, 0)] = LEASE(u, s)
#endif
}

/* Keys carry the epoch: nobody reads those of an old one. */
inline g_confirm(k, unit, e)
{
	if
#ifdef BUG_CONFIRMANY
	:: gep == e -> rec[k] = 0
#else
	:: gep == e && rec[k] != 0 && UNIT(k) == unit -> rec[k] = 0
#endif
	:: else
	fi
}

inline away_end(unit)
{
#ifdef STOCK
	away[unit] = 0
#else
	skip
#endif
}

inline g_return(unit)
{
	if
	:: unit < gunits -> fr[unit]++
	:: else -> away_end(unit)
	fi
}

/* Slots that name the claim. */
inline g_slots_clear(k)
{
	for (j : 0 .. NS - 1) {
		if
		:: slot[j] == k + 1 -> slot[j] = 0
		:: else
		fi
	}
}

inline g_release(k, isvoid, e)
{
	if
	:: gep == e ->
		if
		:: isvoid -> g_slots_clear(k)
		:: else -> DOUBT
		fi;
		if
		:: rec[k] != 0 -> x = UNIT(k); rec[k] = 0; g_return(x)
		:: else
		fi
#ifdef BUG_LATEMARK
	:: gep != e && orec[k] != 0 ->
		x = (orec[k] - 1) / LIM;
		orec[k] = 0;
		if
		:: x >= gunits -> away_end(x)
		:: else
		fi
#endif
	:: else
	fi
}

inline g_heal(k, unit, e)
{
	if
	:: gep == e ->
		if
#ifdef BUG_HEALANY
		:: rec[k] != 0 ->
#else
		:: rec[k] != 0 && UNIT(k) == unit ->
#endif
			rec[k] = 0; g_slots_clear(k);
			DOUBT
		:: else
		fi;
#ifndef BUG_NOHEAL
		x = own[unit] - 1;
		for (j : 0 .. LIM - 1) {
			if
			:: cs[SL(CUST(KEY(x)), j)] == x + 1 &&
			    slot[SL(CUST(KEY(x)), j)] != x + 1 ->
				DOUBT;
				slot[SL(CUST(KEY(x)), j)] = x + 1
			:: else
			fi
		}
#endif
	:: else
	fi
}

/* own: slots written back from the rows that were read (tries). */
inline g_own()
{
	if
	:: gep == ep ->
		for (i : 0 .. LIM - 1) {
			x = SL(CUST(r), i);
			if
			:: ((tries >> i) & 1) && slot[x] != cs[x] ->
				DOUBT;
				slot[x] = cs[x]
			:: else
			fi
		}
	:: else
	fi
}

/* from, to: res, and u, s when the answer is TAKEN or SAME. */
inline g_rekey(from, to, e)
{
	x = 0;
	for (j : 0 .. LIM - 1) {
		x = x + (slot[SL(CUST(r), j)] == to + 1)
	}
	if
	:: gep != e -> res = EPOCH
	:: else ->
		if
		:: rec[to] != 0 || x > 0 ->
			if
			:: rec[to] != 0 ->
				res = SAME; u = UNIT(to); s = SLOT(to)
			:: else -> res = MINE
			fi;
			if
			:: rec[from] != 0 ->
				y = UNIT(from); rec[from] = 0;
				g_slots_clear(from);
				g_return(y)
			:: else
			fi
		:: else ->
			if
			:: rec[from] == 0 -> res = SOFT
			:: else ->
				res = TAKEN; u = UNIT(from); s = SLOT(from);
				rec[to] = rec[from]; rec[from] = 0;
				x = SL(CUST(r), s);
				if
				:: slot[x] == 0 || slot[x] == from + 1 ->
					slot[x] = to + 1
				:: else
				fi
			fi
		fi
	fi
}

#ifdef STOCK
inline g_grow(e, upto)
{
	if
	:: gep == e ->
		do
		:: gunits < upto ->
			if
#ifndef BUG_NOAWAY
			:: away[gunits] -> away[gunits] = 0
#endif
			:: else -> fr[gunits]++
			fi;
			gunits++
		:: else -> break
		od
	:: else
	fi
}

inline g_shrink(e, to)
{
	if
	:: gep == e ->
		do
		:: gunits > to ->
			gunits--;
			if
			:: fr[gunits] > 0 -> fr[gunits]--
			:: else -> away[gunits] = 1
			fi
		:: else -> break
		od
	:: else
	fi
}
#endif

/* ---- the guarded insert ------------------------------------------------------------ */

#define RECORDED 1
#define FENCED 2
#define CLASH 3

inline l_record(k, unit, sl, e, out)
{
	if
#ifdef BUG_NOEPOCH
	:: state == CLOSED || unit >= stock -> out = FENCED
#else
	:: e != epoch || state != OPEN || unit >= stock -> out = FENCED
#endif
	:: else ->
		if
		:: row[k] != 0 -> out = CLASH
#ifndef BUG_NOUNIQ
		:: row[k] == 0 && own[unit] != 0 -> out = CLASH
#endif
		:: row[k] == 0 && cs[SL(CUST(KEY(k)), sl)] != 0 ->
			out = CLASH
		:: else ->
			out = RECORDED;
			for (i : 0 .. NA - 1) {
				assert(!SOLD(CL(KEY(k), i)))	/* I7 */
			}
			assert(!ASKED_NO(k));	/* I5 */
			assert(own[unit] == 0);	/* I1 */
			row[k] = BOUGHT(unit);
			own[unit] = k + 1;
			cs[SL(CUST(KEY(k)), sl)] = k + 1
		fi
	fi
}

/* void_claims and find: whoever was first stays, so that they may be one step.  Who
 * acts for an epoch that is over decides nothing. */
inline l_void(k, e)
{
	if
	:: row[k] == 0 && e == epoch -> row[k] = VOID
	:: else
	fi
}

#ifdef LATE
inline packet_gone()
{
	late = 0; lunit = 0; lslot = 0; lep = 0; out = 0
}

proctype Network()
{
	byte out;

end:	do
	:: d_step { late != 0 ->
		l_record((late - 1), lunit, lslot, lep, out);
		packet_gone() }
	:: d_step { late != 0 -> packet_gone() }
	od
}
#endif

/* ---- a purchase: buy.c, buy_clash.c --------------------------------------------------- */

/* What the gate's answer means: claim_answered, gone. */
inline w_judge()
{
	n++;
	if
#ifndef BUG_PARTGONE
	:: res == GONE && gunits < st -> res = SOFT
#endif
#ifdef BUG_EMPTY
	:: res == NOSALE -> res = GONE; held = 0
#endif
	:: else
	fi;
	if
	:: res == GONE && held == 0 -> sold_out(); res = DONE
	:: (res == SOFT && held == 0) || res == NOSALE -> res = DONE
	:: res == EPOCH -> u = gep
#ifdef HONEST
	:: res == TAKEN ->	/* I7: a key holds one unit at a time */
		for (i : 0 .. NA - 1) {
			assert(rec[CL(r, i)] == 0);
			for (j : 0 .. LIM - 1) {
				assert(slot[SL(CUST(r), j)] != CL(r, i) + 1)
			}
		}
#endif
	:: else
	fi;
	if
	:: n > ROUNDS && res != DONE -> res = DONE
	:: else
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

/* The slots of the customer's rows -> tries, a bit each. */
inline w_rows()
{
	tries = 0;
	for (i : 0 .. LIM - 1) {
		if
		:: cs[SL(CUST(r), i)] != 0 -> tries = tries | (1 << i)
		:: else
		fi
	}
#ifndef BUG_TWINLIMIT
	own_row();
	res = (x > 0 -> DONE : 0)
#endif
}

inline w_limit()
{
	if
	:: tries + 1 == (1 << LIM) -> tell(NO)
	:: else
	fi
}

proctype W(byte r)
{
	byte a, u, s, ep, st, n, res, tries;
	bool resynced;

	atomic {	/* the sale table, of any age: then a pause */
		ep = epoch; st = stock;
		if
		:: state != OPEN -> res = state; goto not_selling
		:: else
		fi
	};

claim:
	atomic {
		d_step {
			res = 0; tries = 0;
			g_claim();
			w_judge()
		}
		if
		:: res == TAKEN -> g_pop()
		:: else
		fi
	};
	if
	:: res == DONE -> goto fin
	:: res == EPOCH -> atomic {	/* claim_resync */
			if
			:: u != epoch || resynced -> goto fin
			:: else -> resynced = 1; u = 0; ep = epoch;
				st = stock; goto claim
			fi }
	:: res == TAKEN || res == SAME -> skip
	:: else -> goto look_up
	fi;
#ifdef BUG_SPLIT
	if
	:: goto fin
	:: res == SAME -> skip
	:: res == TAKEN -> rec[CL(r, 0)] = LEASE(u, s)
	fi;
#endif
	goto record;

look_up:
	atomic { skip; d_step {
		own_row();
		if
		:: x > 0 -> tell(YES)
		:: else ->
			rows_count(CUST(r));
			if
			:: x >= LIM -> tell(NO)
			:: x < LIM && res == GONE -> sold_out()
#ifdef BUG_FINALLIMIT
			:: x < LIM && res == FULL -> tell(NO)
#endif
			:: else
			fi
		fi
	} };
	goto fin;

record:
	if
	:: goto fin
#ifdef LATE
	:: d_step { late == 0 -> late = CL(r, a) + 1;
		lunit = u; lslot = s; lep = ep }
		if
		:: goto fin	/* no time left */
		:: tries == 0 -> tries++; goto record
		fi
#endif
	:: d_step {
		l_record(CL(r, a), u, s, ep, res);
#ifdef HONEST
		/* An honest gate offers no unit that is sold, or that there is not. */
		assert(res != CLASH || row[CL(r, a)] != 0 || own[u] == 0);
#ifndef SHRINK
		assert(res != FENCED || u < stock);
#endif
#endif
		skip
		}
	fi;
	if
	:: res == RECORDED ->
		if
		:: goto fin	/* killed before it could say so */
		:: skip
#ifdef BUG_GIVEBACK
		:: d_step { g_release(CL(r, a), true, ep) }
			goto fin
#else
		:: tries == 0 -> tries++; goto record	/* UNKNOWN */
#endif
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
		:: else -> res = state
		fi
	};
not_selling:
	atomic { skip; d_step {
		own_row();
		if
#ifndef BUG_NOREAD
		:: x > 0 -> tell(YES)
#endif
		:: res == CLOSED -> tell(NO)
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
			:: res == TAKEN || res == SAME -> a = tries
			:: else
			fi;
			tries = 0 }
		fi;
		if
		:: res == MINE -> goto look_up
		:: res == TAKEN || res == SAME -> goto record
		:: else -> goto fin
		fi
	:: else
	fi;
	if	/* find_unit */
	:: own[u] != 0 ->	/* clash_unit */
		if
		:: goto fin
		:: d_step { g_heal(CL(r, a), u, ep) }
			goto claim
		fi
	:: else
	fi;
	d_step { w_rows() };	/* find_customer */
	if
	:: res == DONE -> goto clash	/* a twin has sold meanwhile */
	:: else
	fi;
	/* What was in the way is there for good: nothing is cancelled here. */
	assert(cs[SL(CUST(r), s)] != 0);
	if	/* clash_slot */
	:: goto fin
	:: d_step { l_void(CL(r, a), ep) }
	fi;
	if
	:: SOLD(CL(r, a)) -> tries = 0; goto clash	/* a twin of ours */
	:: row[CL(r, a)] == 0 -> goto fin	/* that epoch is over */
	:: else
	fi;
	if
	:: goto fin
	:: d_step { g_release(CL(r, a), true, ep) }
	fi;
	if
	:: goto fin
	:: d_step { g_own(); w_limit() }
	fi;

fin:	atomic { a = 0; u = 0; s = 0; ep = 0; st = 0; n = 0; res = 0;
		tries = 0; resynced = 0; live-- }
}

/* ---- the keeper: reap.c, keeper.c ------------------------------------------------------ */

#ifdef LATE
#define NOTHING_LATE (late == 0)
#else
#define NOTHING_LATE true
#endif
#if NK > 4
#define NOLEASE (rec[0] + rec[1] + rec[2] + rec[3] + rec[NK - 2] + rec[NK - 1] == 0)
#else
#define NOLEASE (rec[0] + rec[1] + rec[NK - 2] + rec[NK - 1] == 0)
#endif
#ifdef MEND
#define WELL (state == CLOSED || !TROUBLE(epoch, state))
#else
#define WELL true
#endif
#ifdef AUDIT
#define ONE_HOME(u) (u >= stock || fr[u] + (own[u] != 0) == 1)
#define CLEAN (state == CLOSED || ONE_HOME(0) && ONE_HOME(NU - 1))
#else
#define CLEAN true
#endif
#define QUIET (NOLEASE && NOTHING_LATE && (gunits == stock || gep != epoch) && \
	WELL && CLEAN)

proctype Keeper()
{
	byte k, u, e;
	bool isvoid, elsewhere;

	do
	:: atomic {	/* leases: any of them may have run out */
		if
		:: rec[0] != 0 -> k = 0
		:: rec[1] != 0 -> k = 1
		:: NK > 2 && rec[NK - 2] != 0 -> k = NK - 2
		:: NK > 2 && rec[NK - 1] != 0 -> k = NK - 1
#if NK > 4
		:: rec[2] != 0 -> k = 2
		:: rec[3] != 0 -> k = 3
#endif
		fi;
		u = UNIT(k); e = gep }
		d_step {
#ifdef BUG_BLIND
			isvoid = true;
#else
#ifdef BUG_NOVOID
			isvoid = !SOLD(k);
#else
			l_void(k, e);
			isvoid = (row[k] == VOID);
#endif
#endif
			elsewhere = SOLD(k) && row[k] != BOUGHT(u) }
		d_step {	/* only a row that was read decides */
			if
			:: isvoid || elsewhere -> g_release(k, isvoid, e)
			:: !isvoid && !elsewhere && row[k] == BOUGHT(u) ->
				g_confirm(k, u, e)
			:: else
			fi;
			k = 0; u = 0; e = 0; isvoid = 0; elsewhere = 0 }
#ifdef STOCK
	:: atomic { gunits != stock && gep == epoch ->	/* gauge_read */
		e = gep; k = stock; u = gunits }
		d_step {	/* stock_follow */
			if
			:: u < k -> g_grow(e, k)
			:: else -> g_shrink(e, k)
			fi;
			k = 0; u = 0; e = 0 }
#endif
	:: d_step { drain && QUIET -> kept = 1 }
		break
	od
}

/* ---- a gate made anew: rebuild.c -------------------------------------------------------- */

#ifdef BUILDS
inline b_wipe()
{
	for (i : 0 .. NU - 1) { bfr[i] = 0 }
	for (i : 0 .. NS - 1) { bslot[i] = 0 }
	bep = 0
}

/* epoch_begin: e, st are the sale as it was read.  Nothing is sold in either. */
inline b_begin(during)
{
	if
#ifdef BUG_REOPEN
	:: epoch == e ->
#else
	:: epoch == e && state == st ->
#endif
		epoch++; e++; state = during; dirty = 0; won = 1
	:: else -> won = 0
	fi
}

/* sale_reread, discard, sold_after, own */
inline b_read()
{
	b_wipe();
	st = stock;
	bep = e;
	nown = 0;
	for (i : 0 .. NS - 1) {
		if
		:: cs[i] != 0 -> bslot[i] = cs[i]; nown++
		:: else
		fi
	}
}

#ifdef BUG_LISTING
#define FOR_SALE(u) (!((listing >> u) & 1))
#else
#define FOR_SALE(u) (own[u] == 0)
#endif

/* seed: the keys are of this rebuild's epoch, and there again after a wipe. */
inline b_seed()
{
	nfree = 0;
	bep = (bep == 0 -> e : bep);
	for (i : 0 .. NU - 1) {
		if
		:: i < st && FOR_SALE(i) ->
			nfree++;
			if
#ifdef BUG_EARLY
			:: gep == e -> fr[i]++
#endif
			:: bep == e -> bfr[i]++
			:: else
			fi
		:: else
		fi
	}
}

inline b_publish()
{
	x = 0; y = 0;
	if
	:: bep == e ->
		for (i : 0 .. NU - 1) { x = x + bfr[i] }
		for (i : 0 .. NS - 1) { y = y + (bslot[i] != 0) }
	:: else
	fi;
	if
	:: gep >= e -> won = 0
#if !defined(BUG_PUBLISH) && !defined(BUG_EARLY)
	:: gep < e && (x != nfree || y != nown) -> won = 0
#endif
	:: else ->
		won = 1;
		gep = e; gunits = st;
		for (i : 0 .. NU - 1) { fr[i] = bfr[i]; away_end(i) }
		for (i : 0 .. NS - 1) { slot[i] = bslot[i] }
		for (i : 0 .. NK - 1) {
#ifdef BUG_LATEMARK
			orec[i] = rec[i];
#endif
			rec[i] = 0
		}
#ifdef MEND
		doubt = 0;
#endif
		b_wipe()
	fi
}

/* The answer to publish was lost: meta is written once more. */
inline b_publish_again()
{
	if
	:: gep == e ->
		gunits = st;
		for (i : 0 .. NU - 1) { away_end(i) }
	:: else
	fi
}

inline b_end()
{
	if
	:: epoch == e && state == REBUILDING -> state = OPEN
	:: else
	fi
}

#define LIST listing = (own[0] != 0) | ((own[NU - 1] != 0) << (NU - 1))

/* From the fence to the end; `die` is where a rebuilder goes that dies on the way. */
inline rebuild(die, mortal)
{
#ifdef BUG_EARLY
	d_step { b_read(); b_publish() };
#else
	d_step { b_read() };
#endif
	if
	:: mortal -> goto die
	:: d_step { b_seed(); skip }
	fi;
	if
	:: mortal -> goto die
#ifndef BUG_EARLY
	:: d_step { b_publish(); skip }
#else
	:: won
#endif
	fi;
#ifdef BUG_REPUBLISH
	if
	:: skip
	:: won -> d_step { b_publish_again() }
	fi;
#endif
	if
	:: mortal -> goto die
	:: !won -> goto die
	:: won -> d_step { b_end() }
	fi
}
#endif

/* ---- the operator: ctl_state.c, ctl_reconcile.c ----------------------------------------- */

#if REBUILDS > 0
proctype Rebuilder()
{
	byte e, st, nfree, nown;
	bool won;
#ifdef BUG_LISTING
	byte listing;
#endif

#ifdef AFTER
	lost;
#endif
	atomic {
#ifdef BUG_LISTING
		LIST;
#endif
		e = epoch; st = state };
	if
	:: goto gone
	:: st == CLOSED -> goto gone
	:: st != CLOSED -> skip
	fi;
	d_step { b_begin(REBUILDING) };
	if
	:: won -> won = 0; st = 0
	:: else -> goto gone
	fi;
	rebuild(gone, true);
gone:	atomic { e = 0; st = 0; nfree = 0; nown = 0; won = 0; live-- }
}
#endif

/* ---- the keeper's own: mend.c, mending.c, audit.c ---------------------------------------- */

#ifdef MEND

#ifdef AUDIT
#define AUDITED (before != 0)
#else
#define AUDITED false
#endif
#define DURING (st == PAUSED -> PAUSED : REBUILDING)

/* Whoever is at it is left alone for as long as he may take: then he is dead, and
 * at the end nobody dies. */
#if KEEPERS > 1
byte busy;
#ifdef BUG_HASTE
#define ALONE (!drain || busy == 0 || st != REBUILDING)
#else
#define ALONE (!drain || busy == 0 || st == OPEN)
#endif
#define BUSY busy++
#define OVER over
#else
#define ALONE true
#define BUSY skip
#define OVER reset
#endif

/* epoch_begin, of a sale that was read to be in trouble. */
inline m_begin()
{
	b_begin(DURING);
	if
	:: won ->
#ifndef PAUSE
		/* No generation is accused of another one's faults. */
		assert(AUDITED || st == REBUILDING || gep + 1 != epoch || doubt);
#endif
		n++;
		assert(!drain || n <= MEND + 2);	/* I8 */
		st = 0;
#ifdef AUDIT
		u = 0; res = 0; before = 0;
#endif
		BUSY
	:: else
	fi
}

#define FREE_TWICE 1
#define FREE_SOLD 2
#define FREE_LEASED 3
#define LEASED_TWICE 4
#define LEASED_SOLD 5
#define HOMELESS 6

#ifdef AUDIT
/* The leases of unit u: how many -> x, the last one's claim -> y. */
inline a_leases()
{
	x = 0; y = 0;
	for (i : 0 .. NK - 1) {
		if
		:: rec[i] != 0 && UNIT(i) == u -> x++; y = i
		:: else
		fi
	}
}

/* fault_of, with what the three reads saw. */
inline a_judge()
{
	if
	:: nfree > 1 -> res = FREE_TWICE
	:: nfree == 1 && own[u] != 0 -> res = FREE_SOLD
	:: nfree == 1 && own[u] == 0 && lease != 0 -> res = FREE_LEASED
	:: nfree == 0 && lease > NK -> res = LEASED_TWICE
	:: nfree == 0 && lease > 0 && lease <= NK && own[u] != 0 &&
	    own[u] != lease -> res = LEASED_SOLD
	:: nfree == 0 && lease == 0 && own[u] == 0 -> res = HOMELESS
	:: else -> res = 0
	fi
}
#endif

proctype Mender()
{
	byte e, st, nfree, nown, n;
	bool won;
#ifdef AUDIT
	byte u, lease, res, before;
#endif
#ifdef BUG_LISTING
	byte listing;
#endif
#ifdef BUG_GAUGEFIRST
	bool bad;
#endif

again:
#ifdef BUG_GAUGEFIRST
	atomic { bad = doubt; st = gep };
	atomic { e = epoch; bad = bad || st != e; st = state };
#else
	atomic {
#ifdef BUG_LISTING
		LIST;
#endif
		e = epoch; st = state };
#endif
	if
	:: kept -> goto stop
	:: (n < MEND || drain) && !kept && ALONE &&
#ifdef BUG_GAUGEFIRST
	    (st == REBUILDING || st != CLOSED && bad)
#else
	    TROUBLE(e, st)
#endif
	:: epoch != e || state != st -> goto again
#ifdef AUDIT
	:: (n < MEND || drain) && !kept && st != CLOSED &&
	    gunits == stock && !TROUBLE(e, st) -> goto audit
#endif
	fi;
	d_step { m_begin() };
begun:
	if
	:: won -> goto work
	:: else -> goto reset
	fi;
#if KEEPERS > 1
over:	busy--;
#endif
reset:
	atomic { e = 0; st = 0; nfree = 0; nown = 0; won = 0;
#ifdef AUDIT
		u = 0; lease = 0; res = 0; before = 0;
#endif
		goto again };
work:
	rebuild(OVER, !drain);
	goto OVER;

#ifdef AUDIT
audit:
	if	/* at the end it comes to each unit */
	:: !drain || !ONE_HOME(0) -> u = 0
	:: !drain || ONE_HOME(0) -> u = NU - 1
	fi;
look:
	if
	:: gep != e || u >= stock -> goto reset
	:: gep == e && u < stock -> d_step { nfree = (fr[u] > 1 -> 2 : fr[u]) }
	fi;
	if
	:: gep != e -> goto reset
	:: gep == e -> d_step {
		a_leases();
		lease = (x > 1 -> NK + 1 : (x == 1 -> y + 1 : 0)) }
	fi;
	d_step { a_judge(); nfree = 0; lease = 0 };
	if
	:: res == 0 || before != 0 && res != before -> goto reset
	:: res != 0 && before == 0 -> before = res; res = 0; goto look
	:: res != 0 && before == res -> skip
	fi;
#ifdef BUG_RETURN
	d_step {
		if
		:: gep == e && res == HOMELESS -> g_return(u)
		:: else
		fi };
	goto reset;
#endif
	if
	:: kept || !drain -> goto reset
	:: !kept -> d_step { m_begin() }
	fi;
	goto begun;
#endif
stop:	skip
}
#endif

#ifdef STOCK
/* sale stock: the ledger first, both ways. */
proctype Stock(byte from, to)
{
	byte e;

#ifdef ANEW
	if
	:: goto gone
	:: gep > 1
	fi;
#endif
	if
	:: goto gone
#ifdef BUG_GATEFIRST
	:: d_step { e = epoch; g_grow(e, to) }
#else
	:: skip
#endif
	fi;
	if
	:: goto gone
	:: d_step {	/* refused when a unit above is sold */
		stock == from && (to > from || own[from - 1] == 0) ->
		stock = to; e = epoch;
		/* A unit that was not there: a final "no" said so. */
		if
		:: to > from ->
			for (i : 0 .. NR - 1) {
				told[i] = (told[i] == NO -> 0 : told[i])
			}
		:: else
		fi }
	fi;
	if
	:: goto gone
	:: d_step {
		if
		:: to > from -> g_grow(e, to)
		:: else -> g_shrink(e, to)
		fi }
	fi;
gone:	atomic { e = 0; live-- }
}
#endif

#ifdef CLOSE
proctype Close()
{
	atomic { state != CLOSED -> state = CLOSED; live-- }
}
#endif

#ifdef PAUSE
proctype Pause()
{
	if
	:: goto gone
	:: atomic { state == OPEN -> state = PAUSED }
	fi;
	if
	:: goto gone
	:: atomic { state == PAUSED -> state = OPEN }
	fi;
gone:	live--
}
#endif

/* ---- what Redis loses --------------------------------------------------------------------- */

#ifdef FAULT
#ifdef ROLLBACK
byte s_gep, s_gunits, s_fr[NU], s_rec[NK], s_slot[NS];
#ifdef STOCK
bool s_away[NU];
#endif
#endif

inline g_forget()
{
	for (i : 0 .. NU - 1) { fr[i] = 0 }
	for (i : 0 .. NK - 1) { rec[i] = 0 }
	for (i : 0 .. NS - 1) { slot[i] = 0 }
	for (i : 0 .. NU - 1) { away_end(i) }
#ifdef MEND
	doubt = 0;
#endif
	gep = 0; gunits = 0
}

proctype Fault()
{
#ifdef ROLLBACK
	d_step {	/* the copy */
		for (i : 0 .. NU - 1) { s_fr[i] = fr[i] }
		for (i : 0 .. NK - 1) { s_rec[i] = rec[i] }
		for (i : 0 .. NS - 1) { s_slot[i] = slot[i] }
#ifdef STOCK
		for (i : 0 .. NU - 1) { s_away[i] = away[i] }
#endif
		s_gep = gep; s_gunits = gunits
	};
#endif
	if
#ifdef ROLLBACK
	:: d_step {
		for (i : 0 .. NU - 1) { fr[i] = s_fr[i]; s_fr[i] = 0 }
		for (i : 0 .. NK - 1) { rec[i] = s_rec[i]; s_rec[i] = 0 }
		for (i : 0 .. NS - 1) { slot[i] = s_slot[i]; s_slot[i] = 0 }
		gep = s_gep; gunits = s_gunits; s_gep = 0; s_gunits = 0;
#ifdef STOCK
		for (i : 0 .. NU - 1) { away[i] = s_away[i]; s_away[i] = 0 }
#endif
#ifdef BUILDS
		b_wipe();
#endif
#ifndef BUG_NORUN
		DOUBT;
#endif
		lost = 1; dirty = 1 }
#endif
#ifdef WIPE
	:: d_step {
		g_forget();
#ifdef ROLLBACK
		for (i : 0 .. NU - 1) { s_fr[i] = 0 }
		for (i : 0 .. NK - 1) { s_rec[i] = 0 }
		for (i : 0 .. NS - 1) { s_slot[i] = 0 }
#ifdef STOCK
		for (i : 0 .. NU - 1) { s_away[i] = 0 }
#endif
		s_gep = 0; s_gunits = 0;
#endif
#ifdef BUILDS
		b_wipe();
#endif
		lost = 1; dirty = 1 }
#endif
	fi;
	live--
}
#endif

/* ---- at the end ------------------------------------------------------------------------------ */

/* The faults have stopped: who finds the gate half made opens the sale again. */
inline mend()
{
	if
	:: state != CLOSED && (gep != epoch || state == REBUILDING) ->
		epoch++; state = OPEN; gep = epoch; gunits = stock; dirty = 0;
		for (i : 0 .. NK - 1) { rec[i] = 0 }
		for (i : 0 .. NS - 1) { slot[i] = cs[i] }
		for (i : 0 .. NU - 1) {
			fr[i] = (i < stock && own[i] == 0);
			away_end(i)
		}
	:: else
	fi
}

/* The customer's slots in use -> held; his sold rows -> x. */
inline customer(c)
{
	held = 0;
	for (j : 0 .. LIM - 1) {
		held = held + (slot[SL(c, j)] != 0)
	}
	rows_count(c)
}

#if defined(OLDGATE) && !defined(AUDIT)
#define WEAK true	/* one home at least: the next taker, or an audit, mends it */
#elif defined(MEND)
#define WEAK (dirty && state == CLOSED)
#else
#define WEAK dirty
#endif

inline judge()
{
	y = 0;
	for (i : 0 .. NU - 1) {
		y = y + fr[i];
		if
		:: gep != epoch -> skip	/* closed: it has no gate any more */
		:: gep == epoch && i >= stock ->
			assert(fr[i] == 0);
#ifdef STOCK
			/* With more stock it would be lost. */
			assert(WEAK || !away[i])
#endif
		:: gep == epoch && i < stock && WEAK ->
			assert(fr[i] > 0 || own[i] != 0)
		:: else -> assert(fr[i] + (own[i] != 0) == 1)	/* I3 */
		fi
	}
	/* An owner who asks again is known; he would hear "sold out". */
	customer(0);
	assert(gep != epoch || y > 0 || x == 0 || held > 0);
	customer(1);
	assert(gep != epoch || y > 0 || x == 0 || held > 0)
}

init
{
	atomic {
		d_step {
#ifdef STOCK
#ifdef SHRINK
		stock = NU;
#else
		stock = NU - 1;
#endif
#endif
		gep = 1;
		gunits = stock;
		for (i : 0 .. NU - 1) { fr[i] = (i < stock) }
#ifdef OLDGATE
		row[CL(OLDGATE, 0)] = BOUGHT(0);
		own[0] = CL(OLDGATE, 0) + 1;
		cs[SL(CUST(OLDGATE), 0)] = CL(OLDGATE, 0) + 1;
		told[OLDGATE] = YES;
#endif
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
		run Rebuilder(); live++;
#endif
#if REBUILDS > 1
		run Rebuilder(); live++;
#endif
#ifdef MEND
		run Mender();
#if KEEPERS > 1
		run Mender();
#endif
#endif
#if KEEPERS > 1
		run Keeper();
#endif
#ifdef SHRINK
		run Stock(NU, NU - 1); live++;
#endif
#ifdef GROW
		run Stock(NU - 1, NU); live++;
#endif
#ifdef CLOSE
		run Close(); live++;
#endif
#ifdef PAUSE
		run Pause(); live++;
#endif
#ifdef LATE
		run Network();
#endif
		run Keeper()
	};
	live == 0;
#ifdef MEND
	drain = 1;
#else
	d_step { mend(); drain = 1 };
#endif
	kept;
	d_step { judge() }
}

#ifdef LIVE
ltl rest { <> kept }
#endif
