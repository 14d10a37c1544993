/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the relay benchmark's files share: the far ends of all calls, the load that
 * they make, and the systems under test that are to relay it.
 *
 * The load is on core LOAD_CPU, the system under test, with all its threads, on SUT_CPU.
 */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/types.h>

enum {
	SUT_CPU = 0,
	LOAD_CPU = 1,
	CALLS_MAX = 5000,
	KEY = 30,      /* master key and salt                        */
	HEADER = 12,   /* of an RTP packet                            */
	PAYLOAD = 160, /* 20 ms of G.711                              */
	TAG_80 = 10,   /* octets, AES_CM_128_HMAC_SHA1_80             */
	TAG_32 = 4,    /* and _32                                     */
	WIRE_MAX = HEADER + PAYLOAD + TAG_80,
	SOCKETS = 4, /* of the far ends, per side                   */
	BLOCK = 16,  /* successive packets that come from one socket */
	SEQ_FIRST = 1000,
};

#define SUT_IP "127.0.78.1"
#define FAR_IP_A "127.0.78.2"
#define FAR_IP_B "127.0.78.3"

/* A far end of a call, and what the system under test does for it. */
struct end {
	struct sockaddr_in addr; /* its own                              */
	struct sockaddr_in to;   /* where it sends: a port of the system under test */
	uint8_t key[KEY];        /* under which it sends                 */
	uint8_t sut_key[KEY];    /* under which the system sends to it   */
	unsigned tag;            /* both ways; 0: the system leaves packets as they are */
};

/* Far ends i and i ^ 1 are a call. All of them take turns in sending one packet each. */
struct plan {
	unsigned ends;
	struct end *end;
	unsigned *turn;  /* the ends in the order in which they send */
	unsigned *place; /* of an end in that order                  */
	int *socket;     /* the one that a place of the order sends from */
	int fd[2 * SOCKETS];
};

/* @return a plan whose ends have addresses, keys and turns */
struct plan *plan_new(unsigned calls);
void plan_free(struct plan *plan);

/* ---- systems under test ---- */

struct sut {
	const char *name;
	/* Start it and set to, sut_key and tag of all ends. It dies with its parent. @return pid */
	pid_t (*start)(struct plan *plan);
};

extern const struct sut sut_floor, sut_relay, sut_gateway, sut_rtpengine;

void sut_stop(pid_t pid);

/* In a new process: stay on SUT_CPU, die with the parent. */
void sut_enter(void);

typedef void(sut_child_h)(const struct plan *plan, int ctl);

/* A system that is a child: run() tells of each end on ctl, in their order. @return pid */
pid_t sut_child(struct plan *plan, sut_child_h *run, unsigned tag);
void sut_tell(int ctl, uint16_t port, const uint8_t *key);

/* What the relay needs, and a relay between two far ends. */
struct sp_loop;
struct sp_media;
struct sp_ports;
struct sp_relay;

void sut_relay_room(struct sp_loop **loop, struct sp_media **media, struct sp_ports **ports);
struct sp_relay *sut_relay_new(struct sp_media *media, struct sp_ports *ports,
			       const struct end *ends);
void sut_relay_tell(int ctl, const struct sp_relay *r);

/* ---- packets ---- */

/* Tags of packets [0, n) of the order, TAG_80 octets each, to tags. */
void packets_tag(const struct plan *plan, uint8_t *tags, size_t n);

/* The clear part of packet k, and the payload that all encrypted packets share. */
void packet_header(const struct plan *plan, size_t k, uint8_t *header);
const uint8_t *packet_payload(void);

/*
 * Was this the relayed first packet of end i, encrypted anew under the other side's key?
 * Held against libsrtp2; ends the program when not.
 */
void packet_verify(const struct plan *plan, unsigned i, const uint8_t *tag, const uint8_t *wire,
		   size_t len);

/* ---- load ---- */

struct segment {
	double pps; /* 0: always as many under way as PENDING says, as fast as they come back */
	double seconds;
};

/* What became of the packets of one segment. */
struct outcome {
	double offered, relayed; /* packets/s                                    */
	double cpu_us;           /* of the system under test, per relayed packet */
	double core_us;          /* its core's busy time, whoever used it    */
	double lost;             /* share                                        */
	double p50_ms, p99_ms, max_ms;
	double behind_ms; /* the load's own worst delay                   */
	double calm_s;    /* from begin to the end of the last 100 ms that lost something */
};

/*
 * One packet from every end to warm up, then the segments.
 * @param pid the system's, or 0 for none
 */
void load_run(struct plan *plan, pid_t pid, const struct segment *segment, size_t n,
	      struct outcome *outcome);

/* Packets/s that the load manages on its own, sending to itself. */
double load_limit(void);

double now_us(void);
void check(bool ok, const char *what);

/* Be on the load's core, and served before all others where that is allowed. */
void load_enter(void);

#endif
