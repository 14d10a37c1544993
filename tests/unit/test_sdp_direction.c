/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Directions as they go out on the other leg (RFC 3264 6.1, 8.4; RFC 6337 5.3):
 * hold told in another way than it was, taken back, and answered.
 */
#include "unit/sdp_rewriting.h"

#define V "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
#define HELDHEAD V "c=IN IP4 0.0.0.0\r\nt=0 0\r\n"
#define OUT OURHEAD OURCONN "t=0 0\r\n"
#define OUTAUDIO "m=audio 20000 RTP/SAVP 0\r\n"
#define OUTVIDEO "m=video 20010 RTP/SAVP 99\r\n"
#define VIDEO "m=video 6000 RTP/SAVP 99\r\n"

struct turn_case {
	enum sp_sdp_hold hold;
	const char *offer, *expected;
};

static const struct turn_case turnv[] = {
	/* hold, as the other side knows it; it stands where it stood */
	{SP_SDP_HOLD_INACTIVE, HEAD AUDIO "a=sendonly\r\n" CRYPTO "a=ptime:20\r\n",
	 OUT OUTAUDIO "a=inactive\r\n" OURCRYPTO "a=ptime:20\r\n"},
	{SP_SDP_HOLD_SENDONLY, HEAD AUDIO "a=inactive\r\n" CRYPTO "a=ptime:20\r\n",
	 OUT OUTAUDIO "a=sendonly\r\n" OURCRYPTO "a=ptime:20\r\n"},
	{SP_SDP_HOLD_INACTIVE, HEAD AUDIO CRYPTO "a=inactive\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=inactive\r\n"},
	{SP_SDP_HOLD_SENDONLY, HEAD AUDIO CRYPTO "a=sendonly\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=sendonly\r\n"},
	{SP_SDP_HOLD_KEEP, HEAD AUDIO CRYPTO "a=sendonly\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=sendonly\r\n"},
	/* what is no hold stays, written or not */
	{SP_SDP_HOLD_INACTIVE, HEAD AUDIO CRYPTO "a=recvonly\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=recvonly\r\n"},
	{SP_SDP_HOLD_SENDONLY, HEAD AUDIO CRYPTO "a=sendrecv\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=sendrecv\r\n"},
	{SP_SDP_HOLD_INACTIVE, HEAD AUDIO CRYPTO, OUT OUTAUDIO OURCRYPTO},
	{SP_SDP_HOLD_SENDONLY, HEAD "a=sendrecv\r\n" AUDIO CRYPTO,
	 OUT "a=sendrecv\r\n" OUTAUDIO OURCRYPTO},
	/* of RFC 2543 */
	{SP_SDP_HOLD_INACTIVE, HELDHEAD AUDIO CRYPTO, OUT OUTAUDIO OURCRYPTO "a=inactive\r\n"},
	{SP_SDP_HOLD_SENDONLY, HELDHEAD AUDIO CRYPTO, OUT OUTAUDIO OURCRYPTO "a=sendonly\r\n"},
	{SP_SDP_HOLD_SENDONLY, HELDHEAD AUDIO "a=sendrecv\r\n" CRYPTO,
	 OUT OUTAUDIO "a=sendonly\r\n" OURCRYPTO},
	{SP_SDP_HOLD_INACTIVE, HELDHEAD "a=sendonly\r\n" AUDIO CRYPTO,
	 OUT OUTAUDIO OURCRYPTO "a=inactive\r\n"},
	{SP_SDP_RESUME, HELDHEAD AUDIO CRYPTO, OUT OUTAUDIO OURCRYPTO "a=sendrecv\r\n"},
	{SP_SDP_RESUME, HELDHEAD AUDIO "a=inactive\r\n" CRYPTO,
	 OUT OUTAUDIO "a=sendrecv\r\n" OURCRYPTO},
	/* for somebody new */
	{SP_SDP_RESUME, HEAD AUDIO CRYPTO "a=sendonly\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=sendrecv\r\n"},
	{SP_SDP_RESUME, HEAD AUDIO CRYPTO "a=recvonly\r\n",
	 OUT OUTAUDIO OURCRYPTO "a=sendrecv\r\n"},
	{SP_SDP_RESUME, HEAD "a=inactive\r\n" AUDIO CRYPTO,
	 OUT OUTAUDIO OURCRYPTO "a=sendrecv\r\n"},
	{SP_SDP_RESUME, HEAD AUDIO CRYPTO, OUT OUTAUDIO OURCRYPTO},
	/* a session's direction does not contradict: it goes down to the media */
	{SP_SDP_HOLD_INACTIVE, HEAD "a=sendonly\r\na=x\r\n" AUDIO CRYPTO VIDEO CRYPTO,
	 OUT "a=x\r\n" OUTAUDIO OURCRYPTO "a=inactive\r\n" OUTVIDEO OURCRYPTO "a=inactive\r\n"},
	{SP_SDP_HOLD_INACTIVE, HEAD "a=sendonly\r\n" AUDIO "a=sendrecv\r\n" CRYPTO VIDEO CRYPTO,
	 OUT OUTAUDIO "a=sendrecv\r\n" OURCRYPTO OUTVIDEO OURCRYPTO "a=inactive\r\n"},
	{SP_SDP_HOLD_SENDONLY,
	 HEAD "a=recvonly\r\n" AUDIO CRYPTO VIDEO "a=inactive\r\na=sendrecv\r\n" CRYPTO,
	 OUT OUTAUDIO OURCRYPTO "a=recvonly\r\n" OUTVIDEO "a=sendonly\r\n" OURCRYPTO},
	/* what is not written does not count */
	{SP_SDP_HOLD_INACTIVE,
	 HEAD "a=recvonly\r\n" AUDIO CRYPTO "m=video 0 RTP/SAVP 99\r\na=sendonly\r\n",
	 OUT "a=recvonly\r\n" OUTAUDIO OURCRYPTO "m=video 0 RTP/SAVP 99\r\n"},
};

static void turns_the_direction_of_offers(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	for (size_t i = 0; i < sizeof(turnv) / sizeof(turnv[0]); ++i) {
		local.hold = turnv[i].hold;
		assert_rewritten(turnv[i].offer, &local, turnv[i].expected);
	}
}

#define R SP_SDP_SENDRECV
#define S SP_SDP_SENDONLY
#define O SP_SDP_RECVONLY
#define N SP_SDP_INACTIVE

/** RFC 3264 6.1: what may be answered, by what was offered and what was said. */
static const enum sp_sdp_dir allowed[4][4] = {
	[R] = {[R] = R, [S] = S, [O] = O, [N] = N},
	[S] = {[R] = O, [S] = N, [O] = O, [N] = N},
	[O] = {[R] = S, [S] = S, [O] = N, [N] = N},
	[N] = {[R] = N, [S] = N, [O] = N, [N] = N},
};

static const char *const linev[] = {[R] = "a=sendrecv\r\n",
				    [S] = "a=sendonly\r\n",
				    [O] = "a=recvonly\r\n",
				    [N] = "a=inactive\r\n"};

/**
 * An offer of inactive that was told as sendonly may come back as recvonly, and
 * must not reach the one who offered inactive so.
 */
static void answers_fit_the_offer(void **state)
{
	char text[512], expected[512];
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	for (int offered = R; offered <= N; ++offered) {
		for (int said = R; said <= N; ++said) {
			struct sp_sdp *offer;

			(void)snprintf(text, sizeof(text), "%s%s%s%s", HEAD, AUDIO, linev[offered],
				       CRYPTO);
			offer = must_parse(text);
			local.offer = offer;
			(void)snprintf(text, sizeof(text), "%s%s%s%s", HEAD, AUDIO, linev[said],
				       CRYPTO);
			(void)snprintf(expected, sizeof(expected), "%s%s%s%s", OUT, OUTAUDIO,
				       linev[allowed[offered][said]], OURCRYPTO);
			assert_rewritten(text, &local, expected);
			mem_deref(offer);
		}
	}
}

static void answers_without_direction(void **state)
{
	struct sp_sdp *offer = must_parse(HEAD AUDIO CRYPTO "a=sendonly\r\n" VIDEO CRYPTO);
	struct sp_sdp_local local;
	(void)state;

	/* for sendrecv nothing needs to be said, for all else something must be */
	set_local(&local);
	local.offer = offer;
	assert_rewritten(HEAD AUDIO CRYPTO VIDEO CRYPTO, &local,
			 OUT OUTAUDIO OURCRYPTO "a=recvonly\r\n" OUTVIDEO OURCRYPTO
						"a=sendrecv\r\n");
	/* an answer as it should be goes on as it is, the style of hold does not matter */
	local.hold = SP_SDP_HOLD_INACTIVE;
	assert_rewritten(HEAD AUDIO CRYPTO "a=recvonly\r\n" VIDEO CRYPTO, &local,
			 OUT OUTAUDIO OURCRYPTO "a=recvonly\r\n" OUTVIDEO OURCRYPTO);
	mem_deref(offer);
}

/** RFC 3264 8.4: c=0.0.0.0 in an offer, and in the answer to one. */
static void answers_with_no_address(void **state)
{
	struct sp_sdp *held = must_parse(HELDHEAD AUDIO CRYPTO),
		      *offer = must_parse(HEAD AUDIO CRYPTO);
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.offer = held;
	assert_rewritten(HEAD AUDIO CRYPTO, &local, OUT OUTAUDIO OURCRYPTO "a=inactive\r\n");
	assert_rewritten(HELDHEAD AUDIO CRYPTO, &local, OUT OUTAUDIO OURCRYPTO "a=inactive\r\n");
	local.offer = offer;
	assert_rewritten(HELDHEAD AUDIO CRYPTO, &local, OUT OUTAUDIO OURCRYPTO "a=inactive\r\n");
	assert_rewritten(HELDHEAD AUDIO CRYPTO "a=recvonly\r\n", &local,
			 OUT OUTAUDIO OURCRYPTO "a=inactive\r\n");
	assert_rewritten(HELDHEAD AUDIO CRYPTO "a=sendonly\r\n", &local,
			 OUT OUTAUDIO OURCRYPTO "a=sendonly\r\n");
	local.offer = NULL;
	assert_rewritten(HELDHEAD AUDIO CRYPTO, &local, OUT OUTAUDIO OURCRYPTO "a=inactive\r\n");
	mem_deref(held);
	mem_deref(offer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_the_direction_of_offers),
		cmocka_unit_test(answers_fit_the_offer),
		cmocka_unit_test(answers_without_direction),
		cmocka_unit_test(answers_with_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
