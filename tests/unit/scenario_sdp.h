/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Session descriptions: those that the peers write, and what is looked at in
 * those that they get. A letter names an endpoint with an address and a key
 * of its own; without a letter it is the peer itself.
 */
#ifndef SCENARIO_SDP_H
#define SCENARIO_SDP_H

#include "scenario_value.h"

static const char sc_directions[] = "sendrecv sendonly recvonly inactive";

static inline bool sc_is_direction(const char *word)
{
	return word[0] && strlen(word) >= 8 && strstr(sc_directions, word);
}

static inline void sc_endpoint_address(char *buf, size_t size, char letter)
{
	re_snprintf(buf, size, "192.0.2.%d", 101 + letter - 'a');
}

static inline void sc_endpoint_key(char buf[41], char letter)
{
	uint8_t raw[30];
	size_t n = 40;

	memset(raw, letter - 'a' + 'A', sizeof(raw));
	assert_int_equal(0, base64_encode(raw, sizeof(raw), buf, &n));
	buf[n] = '\0';
}

static inline const char *sc_codec_name(const char *type)
{
	static const struct {
		const char *type, *name;
	} map[] = {{"0", "PCMU/8000"},
		   {"8", "PCMA/8000"},
		   {"9", "G722/8000"},
		   {"18", "G729/8000"},
		   {"96", "opus/48000/2"},
		   {"97", "H264/90000"},
		   {"100", "telephone-event/8000"},
		   {"101", "telephone-event/8000"}};

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (0 == strcmp(map[i].type, type))
			return map[i].name;
	}
	return "X-other/8000";
}

/** What the words of an `sdp` line say. */
struct sc_sdp_wish {
	char endpoint, key;
	const char *direction, *codecs, *suite, *version;
	bool zero, plain, audio_off, video, video_off;
	unsigned tagv[SC_MEDIA_MAX];
};

static inline void sc_sdp_word(struct scenario *s, struct sc_sdp_wish *w, const char *word)
{
	const char *v;

	if (1 == strlen(word) && word[0] >= 'a' && word[0] <= 'z')
		w->endpoint = w->key = word[0];
	else if (sc_is_direction(word))
		w->direction = word;
	else if (0 == strcmp(word, "hold0"))
		w->zero = true;
	else if (0 == strcmp(word, "plain"))
		w->plain = true;
	else if (0 == strcmp(word, "video"))
		w->video = true;
	else if (0 == strcmp(word, "video=off"))
		w->video = w->video_off = true;
	else if (0 == strcmp(word, "audio=off"))
		w->audio_off = true;
	else if ((v = sc_option(word, "codecs")))
		w->codecs = v;
	else if ((v = sc_option(word, "suite")))
		w->suite = v;
	else if ((v = sc_option(word, "version")))
		w->version = v;
	else if ((v = sc_option(word, "key")) && v[0] >= 'a' && v[0] <= 'z')
		w->key = v[0];
	else if ((v = sc_option(word, "crypto")))
		w->tagv[0] = w->tagv[1] = sc_number(s, v);
	else
		sc_fail(s, NULL, "a description has no \"%s\"", word);
}

static inline size_t sc_sdp_mline(char *p, size_t size, const struct sc_sdp_wish *w, unsigned i,
				  unsigned port)
{
	const char *codecs = i ? "97" : w->codecs;
	struct sc_words types;
	char list[128], key[41];
	size_t n;

	re_snprintf(list, sizeof(list), "%s", codecs);
	for (char *c = list; *c; c++)
		*c = ',' == *c ? ' ' : *c;
	n = (size_t)re_snprintf(p, size, "m=%s %u %s %s\r\n", i ? "video" : "audio", port,
				w->plain ? "RTP/AVP" : "RTP/SAVP", list);
	sc_split(&types, list);
	for (size_t k = 0; k < types.c; k++)
		n += (size_t)re_snprintf(p + n, size - n, "a=rtpmap:%s %s\r\n", types.v[k],
					 sc_codec_name(types.v[k]));
	sc_endpoint_key(key, w->key);
	if (!w->plain)
		n += (size_t)re_snprintf(p + n, size - n, "a=crypto:%u %s inline:%s\r\n",
					 w->tagv[i], w->suite, key);
	return n + (size_t)re_snprintf(p + n, size - n, "a=%s\r\n", w->direction);
}

/**
 * The description that `line` ("sdp [LETTER] sendonly ...") asks for. tagv: of
 * the crypto lines. The version rises with each that differs from the last.
 */
static inline void sc_sdp_write(struct scenario *s, struct sc_dialog *d, char *buf, size_t size,
				const char *line, const unsigned tagv[SC_MEDIA_MAX])
{
	struct sc_sdp_wish w = {.endpoint = d->peer->endpoint,
				.key = d->peer->endpoint,
				.direction = "sendrecv",
				.codecs = "8,101",
				.suite = "AES_CM_128_HMAC_SHA1_80",
				.tagv = {tagv[0], tagv[1]}};
	char address[32], rest[4096];
	struct sc_words words;
	size_t n;

	sc_split(&words, line);
	for (size_t i = 1; i < words.c; i++)
		sc_sdp_word(s, &w, words.v[i]);
	s->endpoints |= 1U << (w.endpoint - 'a') | 1U << (w.key - 'a');
	sc_endpoint_address(address, sizeof(address), w.endpoint);
	n = (size_t)re_snprintf(rest, sizeof(rest), "s=-\r\nc=IN IP4 %s\r\nt=0 0\r\n",
				w.zero ? "0.0.0.0" : address);
	n += sc_sdp_mline(rest + n, sizeof(rest) - n, &w, 0, w.audio_off ? 0 : 40000);
	if (w.video)
		n += sc_sdp_mline(rest + n, sizeof(rest) - n, &w, 1, w.video_off ? 0 : 40010);
	if (strcmp(rest, d->sdp_last))
		d->sdp_version++;
	memcpy(d->sdp_last, rest, n + 1);
	if (w.version)
		d->sdp_version = sc_number(s, w.version);
	re_snprintf(buf, size, "v=0\r\no=- 1 %u IN IP4 %s\r\n%s", d->sdp_version, address, rest);
}

/** The tags of the crypto lines in a description; those of our offers where it has none. */
static inline void sc_sdp_tags(struct scenario *s, unsigned tagv[SC_MEDIA_MAX],
			       const struct sp_sip_msg *m)
{
	struct pl sdp = sc_sdp_of(m);

	for (unsigned i = 0; i < SC_MEDIA_MAX; i++) {
		struct pl media = sdp.l ? sc_sdp_media(&sdp, i) : sdp;
		struct pl line = media.l ? sc_sdp_line(&media, "a=crypto:") : media;
		struct pl tag = line.l ? sc_pl_word(&line, 0) : line;

		tagv[i] = tag.l ? sc_number_pl(s, &tag) : SC_OFFER_TAG;
	}
}

/** a=sendonly and the like of an m-line, or of the whole description. */
static inline const char *sc_direction_of(const struct pl *sdp, unsigned i)
{
	static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
	struct pl media = sc_sdp_media(sdp, i);
	char begin[16];

	for (size_t level = 0; level < 2; level++) {
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			re_snprintf(begin, sizeof(begin), "a=%s", names[k]);
			if (sc_sdp_line(level ? sdp : &media, begin).p)
				return names[k];
		}
	}
	return names[0];
}

static inline bool sc_mline_on(const struct pl *sdp, unsigned i)
{
	struct pl media = sc_sdp_media(sdp, i), line, port;

	if (!media.p)
		return false;
	line = sc_sdp_line(&media, "m=");
	port = sc_pl_word(&line, 1);
	return pl_strcmp(&port, "0") != 0;
}

/** The payload types of the first m-line, with commas. */
static inline void sc_codecs_of(char *buf, size_t size, const struct pl *sdp)
{
	struct pl media = sc_sdp_media(sdp, 0), line = sc_sdp_line(&media, "m="), type;
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned i = 3; (type = sc_pl_word(&line, i)).l && n + 8 < size; i++)
		n += (size_t)re_snprintf(buf + n, size - n, "%s%r", i > 3 ? "," : "", &type);
}

/** One word of an `sdp` line under a message that came. */
static inline void sc_sdp_check_word(struct scenario *s, const struct sp_sip_msg *m,
				     const struct pl *sdp, const char *word)
{
	char got[128] = "";
	const char *v;

	if (sc_is_direction(word)) {
		re_snprintf(got, sizeof(got), "%s",
			    sc_direction_of(sdp, sc_mline_on(sdp, 0) ? 0 : 1));
		v = word;
	} else if ((v = sc_option(word, "codecs"))) {
		sc_codecs_of(got, sizeof(got), sdp);
	} else if ((v = sc_option(word, "crypto"))) {
		sc_look(got, sizeof(got), m, "crypto-tag");
	} else if ((v = sc_option(word, "audio"))) {
		re_snprintf(got, sizeof(got), "%s", sc_mline_on(sdp, 0) ? "on" : "off");
	} else if ((v = sc_option(word, "video"))) {
		re_snprintf(got, sizeof(got), "%s",
			    !sc_sdp_media(sdp, 1).p ? "none"
						    : (sc_mline_on(sdp, 1) ? "on" : "off"));
	} else {
		sc_fail(s, NULL, "nothing in a description is called \"%s\"", word);
	}
	if (!sc_glob(v, got))
		sc_fail(s, m, "the description should have %s, it has %s", word, got);
}

/** Every description has the gateway's address; no message has one or a key of the peers. */
static inline void sc_sdp_own(struct scenario *s, const struct sc_peer *p,
			      const struct sp_sip_msg *m)
{
	char want[64], got[64], key[41];
	struct pl sdp = sc_sdp_of(m);

	re_snprintf(want, sizeof(want), "%j", &s->fx->ifv[p->interface].media_advertise);
	sc_look(got, sizeof(got), m, "address");
	if (sdp.l && strcmp(want, got))
		sc_fail(s, m, "media address %s, not the gateway's %s", got, want);
	for (char c = 'a'; c <= 'z' && !s->leaks_ok; c++) {
		if (!(s->endpoints & 1U << (c - 'a')))
			continue;
		sc_endpoint_address(got, sizeof(got), c);
		sc_endpoint_key(key, c);
		if (strstr(m->text, got) || strstr(m->text, key))
			sc_fail(s, m, "it shows the address or the key of endpoint %c", c);
	}
}

/** The `sdp ...` line under a message that came. */
static inline void sc_sdp_check(struct scenario *s, const struct sp_sip_msg *m, const char *line)
{
	struct pl sdp = sc_sdp_of(m);
	struct sc_words w;

	if (!sdp.l)
		sc_fail(s, m, "a session description was expected in it");
	sc_split(&w, line);
	for (size_t i = 1; i < w.c; i++)
		sc_sdp_check_word(s, m, &sdp, w.v[i]);
}

#endif
