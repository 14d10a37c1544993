/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The share of new calls that is let in, moved by what the machine shows.
 *
 * The loop's lag and the CPU answer at once to how many calls come in, so they
 * steer the share: down by how far a limit is passed, up by how much room there
 * is, both in bounded steps, and it comes to rest where the nearer limit is just
 * met (the occupancy algorithm that RFC 7339 section 1 stands on). Memory and
 * ports are held for as long as calls last: beyond their limits nothing is let
 * in until some room has come back.
 *
 * It begins only when several samples in a row are beyond a limit (a reload may
 * hold the loop up once), and ends only when everything has been let in for a
 * while.
 */
#include <re.h>
#include <sallyport/base_overload.h>
#include <sallyport/base_util.h>

enum {
	ALL = 1000000,      /**< the share when everything is let in            */
	LEAST = ALL / 1000, /**< of it, so that there is something to grow from */
	GROWTH = ALL / 500, /**< what it grows by, whatever it is               */

	MET = 1000,      /**< a load, in 1/1000 of its limit                  */
	FAR = 4 * MET,   /**< as far beyond it as makes a difference          */
	ROOM = 700,      /**< up to here lag lets the share grow              */
	HARD_ROOM = 950, /**< here memory and ports let calls in again        */
	STEP_UP = 1100,  /**< most that the share is multiplied by, in 1/1000 */
	STEP_FULL = 940, /**< a CPU that is full does not tell how overloaded */
	FULL_PERCENT = 98,
	BEGIN_SCORE = 3, /**< samples beyond a limit; those beyond FAR count twice */
	END_SAMPLES = 20,

	RETRY_MIN_S = 2,
	RETRY_SPREAD_S = 6, /**< and as much again twice when nothing is let in */
	TOKEN = ALL,        /**< what a call takes of the credit                */
};

struct sp_overload {
	struct sp_overload_limits limits;
	struct sp_overload_sample last;
	unsigned share; /**< of ALL, while `soft`             */
	unsigned score; /**< towards the beginning            */
	unsigned calm;  /**< samples towards the end          */
	int64_t credit; /**< of calls that the share lets in  */
	bool soft;      /**< the share is below ALL, or was   */
	bool memory, ports;
	const char *cause; /**< of soft */
	uint64_t refused, times;
};

int sp_overload_alloc(struct sp_overload **op)
{
	struct sp_overload *o;

	if (!op)
		return EINVAL;

	o = mem_zalloc(sizeof(*o), NULL);
	if (!o)
		return ENOMEM;

	o->share = ALL;
	o->cause = "";
	*op = o;

	return 0;
}

void sp_overload_limits(struct sp_overload *o, const struct sp_overload_limits *l)
{
	if (o && l)
		o->limits = *l;
}

static bool overloaded(const struct sp_overload *o)
{
	return o->soft || o->memory || o->ports;
}

/* How near a figure is to its limit, in 1/1000 of that. */
static unsigned load(unsigned value, unsigned limit)
{
	const uint64_t l = limit ? (uint64_t)value * MET / limit : 0;

	return (unsigned)min(l, UINT32_MAX);
}

static bool beyond_hard(bool was, unsigned value, unsigned limit)
{
	return load(value, limit) > (unsigned)(was ? HARD_ROOM - 1 : MET);
}

/* A tenth of the share for each limit's worth beyond it, three tenths at most. */
static unsigned step_lag(unsigned lag)
{
	return lag > MET ? 1000 - (min(lag, (unsigned)FAR) - MET) / 10 : STEP_UP;
}

static unsigned step_cpu(unsigned cpu, unsigned percent)
{
	const unsigned step = min(1000u * MET / max(cpu, 1u), (unsigned)STEP_UP);

	return cpu > MET && percent >= FULL_PERCENT ? min(step, (unsigned)STEP_FULL) : step;
}

static void move_share(struct sp_overload *o, unsigned lag, unsigned cpu)
{
	const unsigned by_cpu = step_cpu(cpu, o->last.cpu_percent), by_lag = step_lag(lag);
	unsigned step = min(by_cpu, by_lag);
	uint64_t share = o->share;

	if (lag > MET || cpu > MET)
		o->cause = by_lag < by_cpu ? "lag" : "cpu";
	else if (lag > ROOM)
		step = 1000; /* stay: lag jumps */
	else
		share += GROWTH;

	share = share * step / 1000;
	o->share = (unsigned)max(min(share, (uint64_t)ALL), (uint64_t)LEAST);
}

static void begin(struct sp_overload *o)
{
	o->soft = true;
	o->share = ALL;
	o->score = 0;
	o->calm = 0;
	o->credit = 0;
}

static void look_soft(struct sp_overload *o, unsigned lag, unsigned cpu)
{
	const unsigned worst = max(lag, cpu);

	if (!o->soft) {
		if (worst <= MET)
			o->score = 0;
		else
			o->score += worst > FAR ? 2 : 1;
		if (o->score < BEGIN_SCORE)
			return;
		begin(o);
	}

	move_share(o, lag, cpu);

	if (o->share < ALL || worst > MET)
		o->calm = 0;
	else if (++o->calm >= END_SAMPLES)
		o->soft = false;
}

bool sp_overload_sample(struct sp_overload *o, const struct sp_overload_sample *s)
{
	bool was;

	if (!o || !s)
		return false;

	was = overloaded(o);
	o->last = *s;
	o->memory = beyond_hard(o->memory, s->memory_mb, o->limits.memory_mb);
	o->ports = beyond_hard(o->ports, s->ports_percent, o->limits.ports_percent);
	look_soft(o, load(s->lag_ms, o->limits.lag_ms),
		  load(s->cpu_percent, o->limits.cpu_percent));

	if (!was && overloaded(o))
		++o->times;

	return was != overloaded(o);
}

static unsigned share_now(const struct sp_overload *o)
{
	if (o->memory || o->ports)
		return 0;

	return o->soft ? o->share : ALL;
}

/*
 * The credit keeps the count exact whatever the order of calls; chance decides
 * only which of them, lest two trunks that call in turns get all and nothing.
 */
static bool take_share(struct sp_overload *o, unsigned share)
{
	if (ALL == share)
		return true;
	if (!share)
		return false;

	o->credit += share;
	if (o->credit <= (int64_t)sp_random_below(TOKEN))
		return false;
	o->credit -= TOKEN;

	return true;
}

bool sp_overload_admit(struct sp_overload *o, enum sp_priority priority)
{
	if (!o || SP_PRIORITY_EMERGENCY == priority || take_share(o, share_now(o)))
		return true;

	++o->refused;

	return false;
}

unsigned sp_overload_retry_after_s(const struct sp_overload *o)
{
	const unsigned shut = o ? ALL - share_now(o) : 0;
	const unsigned spread = RETRY_SPREAD_S + (unsigned)(2ull * RETRY_SPREAD_S * shut / ALL);

	return RETRY_MIN_S + sp_random_below(spread + 1);
}

void sp_overload_state(const struct sp_overload *o, struct sp_overload_state *out)
{
	if (!out)
		return;

	*out = (struct sp_overload_state){.share = 1000, .cause = ""};
	if (!o)
		return;

	out->overloaded = overloaded(o);
	out->share = share_now(o) / (ALL / 1000);
	out->refused = o->refused;
	out->times = o->times;
	out->last = o->last;
	if (o->memory)
		out->cause = "memory";
	else if (o->ports)
		out->cause = "ports";
	else if (o->soft)
		out->cause = o->cause;
}
