/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz: the value of a=crypto. What is read keeps its bounds; key and tag are
 * written back and read the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/sdp.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl value = {(const char *)data, size}, written;
	struct mbuf *mb = mbuf_alloc(128);
	struct sp_sdes sdes, again;
	int err;

	err = sp_sdes_decode(&sdes, &value);
	must(!err || err == EINVAL || err == EBADMSG || err == ENOTSUP || err == EPROTO);
	if (err)
		goto out;

	must(sdes.lifetime <= UINT64_C(1) << 48 && sdes.mki_len <= 128);
	must(!sdes.mki == !sdes.mki_len);
	must(sdes.mki_len >= 8 || sdes.mki >> 8 * sdes.mki_len == 0);
	must(!sp_sdes_encode(mb, &sdes));
	written.p = (const char *)mb->buf;
	written.l = mb->end;
	must(!sp_sdes_decode(&again, &written));
	must(sdes.tag == again.tag && !memcmp(sdes.key, again.key, sizeof(sdes.key)));
	must(!again.lifetime && !again.mki && !again.mki_len);

out:
	mem_deref(mb);
	return 0;
}
