# SPDX-License-Identifier: BSD-3-Clause
"""The tests' own SRTP against the vectors of RFC 3711."""
import struct

import pytest

import srtp


def test_aes_cm_keystream():  # B.2
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    iv = int("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", 16)
    stream = srtp.aes_cm(key, iv, 16 * 0xff02).hex().upper()
    assert stream[:96] == ("E03EAD0935C95E80E166B16DD92B4EB4"
                           "D23513162B02D0F72A43A2FE4A5F97AB"
                           "41E95B3BB0A2E8DD477901E4FCA894C0")
    assert stream[-96:] == ("EC8CDF7398607CB0F2D21675EA9EA1E4"
                            "362B7C3C6773516318A077D7FC5073AE"
                            "6A2CC3787889374FBEB4C81B17BA6C44")


def test_key_derivation():  # B.3
    key = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
    salt = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert srtp.derive(key, salt, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert srtp.derive(key, salt, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert srtp.derive(key, salt, 1, 94).hex().upper() == (
        "CEBE321F6FF7716B6FD4AB49AF256A15" "6D38BAA48F0A0ACF3C34E2359E6CDBCE"
        "E049646C43D9327AD175578EF7227098" "6371C10C9A369AC2F94A8C5FBCDDDC25"
        "6D6E919A48B610EF17C2041E47403576" "6B68642C59BBFC2F34DB60DBDFB2")


@pytest.mark.parametrize("first", (0, 65530))  # 3.3.1: the counter rolls over
def test_both_ways(first):
    key = bytes(range(30))
    ours, theirs = srtp.Srtp(key), srtp.Srtp(key)
    for i in range(first, first + 20):
        packet = srtp.rtp(i, 0x1234, bytes([i & 255]) * 160)
        protected = ours.protect(packet)
        assert protected[:12] == packet[:12] and protected[12:-10] != packet[12:]
        assert theirs.unprotect(protected) == packet
    report = srtp.rtcp_report(7, b"somebody")
    assert theirs.unprotect_rtcp(ours.protect_rtcp(report)) == report


def test_master_key_identifier():  # 3.1, 3.4: between what is authenticated and the tag
    key, mki = bytes(range(30)), b"\0\7"
    ours, theirs = srtp.Srtp(key, mki), srtp.Srtp(key, mki)
    packet, report = srtp.rtp(9, 1, b"payload"), srtp.rtcp_report(1, b"x")
    protected = ours.protect(packet)
    assert protected[-12:-10] == mki
    assert protected[:-12] + protected[-10:] == srtp.Srtp(key).protect(packet)
    assert theirs.unprotect(protected) == packet
    assert theirs.unprotect_rtcp(ours.protect_rtcp(report)) == report
    with pytest.raises(srtp.NotAuthentic):
        srtp.Srtp(key, b"\0\6").unprotect(protected)


def test_rollover_counter_to_begin_with():
    key, packet = bytes(range(30)), srtp.rtp(9, 1, b"payload")
    protected = srtp.Srtp(key, roc=3).protect(packet)
    assert protected == srtp.Srtp(key).protect(packet, roc=3) != srtp.Srtp(key).protect(packet)
    assert srtp.Srtp(key, roc=3).unprotect(protected) == packet
    with pytest.raises(srtp.NotAuthentic):
        srtp.Srtp(key).unprotect(protected)


def test_not_authentic():
    packet = srtp.Srtp(bytes(30)).protect(srtp.rtp(1, 2, b"payload"))
    for i in range(len(packet)):
        bad = bytearray(packet)
        bad[i] ^= 1
        with pytest.raises((srtp.NotAuthentic, IndexError, struct.error)):
            srtp.Srtp(bytes(30)).unprotect(bytes(bad))
