/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A load generator for the comparison with a peer (bench_peer_calls.py): both
 * ends of SIP calls over mutual TLS, with media descriptions and without
 * media, through whatever lies between. One loop on one core, some 10,000
 * calls a second: several times what it is to measure.
 *
 * It listens for the callee's calls first and says "ready". Then it takes
 * commands, one a line, and answers each with one line "name=value ...":
 *
 *   connect N       open N connections to the gateway
 *   rate R S MS [MAX]  R calls a second for S seconds, each up for MS milliseconds,
 *                   or any time from MS to MAX
 *   closed N S      N calls at a time for S seconds, hung up as soon as they are up
 *   keep N R        make N calls, R a second, and leave them up
 *   drop            hang those up
 *
 * A call is done when its BYE has been answered with 200, and has failed when
 * it is refused or something has not come for CALL_S seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include "peer_sip.h"

enum {
	CALLS_MAX = 16384, /* at a time */
	SAMPLES_MAX = 1 << 20,
	EVENTS = 64,
	CALL_S = 10,
};

#define NS_S 1000000000ull

enum call_state { CALL_FREE, CALL_CALLING, CALL_UP, CALL_ENDING };

struct call {
	enum call_state state;
	struct peer_conn *conn;
	uint64_t begun; /* INVITE sent */
	uint64_t due;   /* BYE is due, or what is waited for has not come */
	struct peer_dialog dialog;
};

struct count {
	unsigned begun, done, failed, open;
	uint32_t *setup_us; /* SAMPLES_MAX */
	unsigned setups;
};

/* One program, one load: what its handlers, which get a connection, have in common. */
static struct {
	struct peer_names names;
	SSL_CTX *caller_tls, *callee_tls;
	int epoll, listener;
	struct peer_conn *conns[PEER_CONNS_MAX], *caller_conns[PEER_CONNS_MAX];
	unsigned count, callers; /* of these; a caller's is among all of them too */
	struct call calls[CALLS_MAX];
	uint32_t next;  /* number of the next call; its place in calls is the remainder */
	uint32_t first; /* all calls before this one have ended */
	uint64_t hold_ns, spread_ns;
	uint64_t now;
	bool keep;
	struct count sum;
} load;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_S + (uint64_t)ts.tv_nsec;
}

/* ---- calls ---- */

static struct call *call_at(uint32_t number)
{
	return &load.calls[number % CALLS_MAX];
}

static void begin(void)
{
	struct call *call = call_at(load.next);

	if (call->state != CALL_FREE)
		peer_die("more than %d calls at a time", CALLS_MAX);

	call->dialog.number = load.next++;
	call->state = CALL_CALLING;
	call->conn = load.caller_conns[call->dialog.number % load.callers];
	call->begun = load.now;
	call->due = load.now + CALL_S * NS_S;
	++load.sum.begun;
	++load.sum.open;
	peer_sip_invite(call->conn, &load.names, &call->dialog);
}

static void hang_up(struct call *call)
{
	call->state = CALL_ENDING;
	call->due = load.now + CALL_S * NS_S;
	peer_sip_request(call->conn, &load.names, &call->dialog, "BYE", 2);
}

static void end(struct call *call, bool done)
{
	call->state = CALL_FREE;
	--load.sum.open;
	if (done)
		++load.sum.done;
	else
		++load.sum.failed;
}

static void answered(struct call *call, const struct peer_sip *resp)
{
	if (load.sum.setups < SAMPLES_MAX)
		load.sum.setup_us[load.sum.setups++] = (uint32_t)((load.now - call->begun) / 1000);
	peer_sip_dialog(&call->dialog, resp);
	peer_sip_request(call->conn, &load.names, &call->dialog, "ACK", 1);
	call->state = CALL_UP;
	call->due = load.now + load.hold_ns;
	if (load.spread_ns)
		call->due += (uint64_t)random() % load.spread_ns;
	if (!load.keep && !load.hold_ns && !load.spread_ns)
		hang_up(call);
}

static void response(const struct peer_sip *resp)
{
	uint32_t number = (uint32_t)strtoul(resp->call_id.p, NULL, 10);
	bool invite = memmem(resp->cseq.p, (size_t)resp->cseq.len, "INVITE", 6);
	struct call *call = call_at(number);

	if (resp->status < 200 || call->dialog.number != number)
		return;

	if (call->state == CALL_CALLING && invite && resp->status < 300) {
		answered(call, resp);
	} else if (call->state == CALL_CALLING && invite) {
		peer_sip_refused(call->conn, &load.names, &call->dialog, resp);
		end(call, false);
	} else if (call->state == CALL_ENDING && !invite) {
		end(call, resp->status == 200);
	}
}

static void message(struct peer_conn *conn, const char *head, size_t head_len, const char *body,
		    size_t body_len)
{
	struct peer_sip msg;

	peer_sip_parse(&msg, head, head_len, body, body_len);
	if (msg.status)
		response(&msg);
	else if (!peer_sip_is(&msg.method, "ACK"))
		peer_sip_answer(conn, &msg, load.names.callee_ip);
}

/** Calls whose time has come: hang up, or give up */
static void sweep(void)
{
	while (load.first != load.next && call_at(load.first)->state == CALL_FREE)
		++load.first;
	for (uint32_t number = load.first; number != load.next; number++) {
		struct call *call = call_at(number);

		if (call->state == CALL_FREE || load.now < call->due)
			continue;
		if (call->state != CALL_UP)
			end(call, false);
		else if (!load.keep)
			hang_up(call);
	}
}

/* ---- the loop ---- */

static void watch(int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, fd, &event))
		peer_die("epoll");
}

static void add(struct peer_conn *conn)
{
	if (load.count == PEER_CONNS_MAX)
		peer_die("more than %d connections", PEER_CONNS_MAX);
	load.conns[load.count++] = conn;
	watch(conn->fd, conn);
}

static void lost(struct peer_conn *conn)
{
	unsigned i;

	for (i = 0; i < load.callers; i++) {
		if (load.caller_conns[i] == conn)
			peer_die("the gateway closed a caller's connection");
	}
	for (i = 0; load.conns[i] != conn; i++)
		;
	load.conns[i] = load.conns[--load.count];
	peer_close(conn);
}

/** One turn. @return true if there is a command to be read */
static bool turn(int wait_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(load.epoll, events, EVENTS, wait_ms);
	bool command = false;

	load.now = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		void *what = events[i].data.ptr;

		if (what == stdin)
			command = true;
		else if (what == &load.listener)
			add(peer_accept(load.callee_tls, load.listener));
		else if (peer_read(what, message))
			lost(what);
	}
	for (unsigned i = load.count; i-- > 0;) {
		if (load.conns[i]->out_len && peer_flush(load.conns[i]))
			lost(load.conns[i]);
	}

	return command;
}

/** Turns until all calls have ended, or until those that are to stay are up */
static void settle(void)
{
	const uint64_t limit = load.now + (CALL_S + 1) * NS_S;

	while (load.now < limit && (load.keep ? load.sum.setups + load.sum.failed < load.sum.begun
					      : load.sum.open > 0)) {
		(void)turn(2);
		sweep();
	}
}

/* ---- figures ---- */

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile_ms(double part)
{
	if (!load.sum.setups)
		return 0;
	return load.sum.setup_us[(unsigned)(part * (load.sum.setups - 1))] / 1000.0;
}

static void report(unsigned done, uint64_t wall_ns, uint64_t cpu_ns, uint64_t late_ns)
{
	const double wall = (double)wall_ns / NS_S;

	qsort(load.sum.setup_us, load.sum.setups, sizeof(uint32_t), by_value);
	(void)printf("begun=%u up=%u done=%u failed=%u open=%u rate=%.1f p50_ms=%.2f p99_ms=%.2f "
		     "cpu=%.3f "
		     "late_ms=%.1f\n",
		     load.sum.begun, load.sum.setups, load.sum.done, load.sum.failed, load.sum.open,
		     wall > 0 ? done / wall : 0, percentile_ms(0.5), percentile_ms(0.99),
		     wall > 0 ? (double)cpu_ns / NS_S / wall : 0, (double)late_ns / 1e6);
}

static void reset(uint64_t hold_ns, bool keep)
{
	uint32_t *setup_us = load.sum.setup_us;

	load.hold_ns = hold_ns;
	load.keep = keep;
	load.sum = (struct count){.setup_us = setup_us};
	load.now = clock_ns(CLOCK_MONOTONIC);
}

/* ---- commands ---- */

/** Calls at a rate, whatever becomes of them, `total` in all */
static void run_rate(unsigned rate, unsigned total, uint64_t hold_ns, bool keep)
{
	const uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t start, swept, late = 0;

	reset(hold_ns, keep);
	start = swept = load.now;
	while (load.sum.begun < total) {
		const uint64_t due = (load.now - start) * rate / NS_S;

		while (load.sum.begun < total && load.sum.begun < due) {
			const uint64_t behind = load.now - start - load.sum.begun * NS_S / rate;

			late = behind > late ? behind : late;
			begin();
		}
		(void)turn(1);
		if (load.now - swept > NS_S / 200) {
			sweep();
			swept = load.now;
		}
	}
	settle();
	report(load.sum.done, load.now - start, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, late);
}

/** As many calls as go, `window` at a time */
static void run_closed(unsigned window, unsigned seconds)
{
	const uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t start, swept, wall, used;
	unsigned done;

	reset(0, false);
	start = swept = load.now;
	do {
		while (load.sum.open < window)
			begin();
		(void)turn(2);
		if (load.now - swept > NS_S) {
			sweep();
			swept = load.now;
		}
	} while (load.now - start < seconds * NS_S);
	wall = load.now - start;
	used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	done = load.sum.done;
	settle();
	report(done, wall, used, 0);
}

/** Hang up what was kept */
static void drop(void)
{
	const unsigned open = load.sum.open;

	reset(0, false);
	load.sum.open = load.sum.begun = open;
	sweep();
	settle();
	report(load.sum.done, 0, 0, 0);
}

static void command(const char *line, const char *gateway_ip)
{
	unsigned a = 0, b = 0, c = 0, most = 0;

	if (sscanf(line, "connect %u", &a) == 1) {
		while (load.callers < a) {
			struct peer_conn *conn = peer_connect(load.caller_tls, load.names.caller_ip,
							      gateway_ip, 5061);

			add(conn);
			load.caller_conns[load.callers++] = conn;
		}
		(void)printf("connections=%u\n", load.count);
	} else if (sscanf(line, "rate %u %u %u %u", &a, &b, &c, &most) >= 3 && load.callers && a) {
		load.spread_ns = most > c ? (most - c) * (NS_S / 1000) : 0;
		run_rate(a, a * b, c * (NS_S / 1000), false);
		load.spread_ns = 0;
	} else if (sscanf(line, "closed %u %u", &a, &b) == 2 && load.callers) {
		run_closed(a, b);
	} else if (sscanf(line, "keep %u %u", &a, &b) == 2 && load.callers && b) {
		run_rate(b, a, 0, true);
	} else if (!strncmp(line, "drop", 4)) {
		drop();
	} else {
		peer_die("not understood: %s", line);
	}
}

int main(int argc, char *argv[])
{
	char line[128];

	if (argc != 12) {
		(void)fputs("usage: peer_load CALLER_IP GATEWAY_IP CALLEE_IP CALLER CALLED "
			    "CALLER_CERT CALLER_KEY CALLER_CA CALLEE_CERT CALLEE_KEY CALLEE_CA\n",
			    stderr);
		return 2;
	}
	load.names = (struct peer_names){argv[1], argv[2], argv[3], argv[4], argv[5]};
	load.caller_tls = peer_tls(false, argv[6], argv[7], argv[8]);
	load.callee_tls = peer_tls(true, argv[9], argv[10], argv[11]);
	load.sum.setup_us = calloc(SAMPLES_MAX, sizeof(uint32_t));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load.sum.setup_us || load.epoll < 0)
		peer_die("cannot begin");
	load.listener = peer_listen(load.names.callee_ip, 5061);
	watch(load.listener, &load.listener);
	watch(STDIN_FILENO, stdin);
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* epoll knows of what is in the pipe only */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)puts("ready");

	for (;;) {
		if (!turn(1000))
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		command(line, load.names.gateway_ip);
	}
}
