# SPDX-License-Identifier: BSD-3-Clause
"""SRTP and SRTCP, AES_CM_128_HMAC_SHA1_80 (RFC 3711, RFC 4568).

Written from the RFC and from nothing else: it is the opposite of what the
gateway uses. Held against the RFC's own vectors by test_srtp.py.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TAG = 10  # octets of HMAC


class NotAuthentic(Exception):
    pass


def aes_cm(key, iv, n):
    """n octets of key stream (4.1.1): AES in counter mode from the 128-bit integer iv."""
    counter = modes.CTR(iv.to_bytes(16, "big"))
    return Cipher(algorithms.AES(key), counter).encryptor().update(bytes(n))


def derive(master_key, master_salt, label, n):
    """4.3.1 with key derivation rate 0."""
    x = int.from_bytes(master_salt, "big") ^ (label << 48)
    return aes_cm(master_key, x << 16, n)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def header_length(packet):
    """Octets of an RTP header with CSRCs and extension (RFC 3550 5.1, 5.3.1)."""
    n = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        n += 4 + 4 * struct.unpack_from("!H", packet, n + 2)[0]
    return n


class Srtp:
    """One direction under one master key and salt (30 octets, as in a=crypto).

    mki: master key identifier, as the octets that all packets carry. roc: the rollover
    counter with which an SSRC begins that has not been seen.
    """

    def __init__(self, key, mki=b"", roc=0):
        assert len(key) == 30
        self.mki, self.first_roc = mki, roc
        labels = [derive(key[:16], key[16:], label, n)
                  for label, n in enumerate((16, 20, 14, 16, 20, 14))]
        self.cipher, self.auth, self.salt = labels[:3]
        self.rtcp_cipher, self.rtcp_auth, self.rtcp_salt = labels[3:]
        self.roc = {}      # of the sender, by SSRC
        self.highest = {}  # of the receiver, by SSRC: highest index seen
        self.rtcp_index = 0

    def stream(self, key, salt, ssrc, index, n):
        iv = (int.from_bytes(salt, "big") << 16) ^ (ssrc << 64) ^ (index << 16)
        return aes_cm(key, iv, n)

    @staticmethod
    def tag(key, data):
        return hmac.new(key, data, hashlib.sha1).digest()[:TAG]

    def protect(self, packet, roc=None):
        """roc: this packet alone is sent with that rollover counter."""
        seq, = struct.unpack_from("!H", packet, 2)
        ssrc, = struct.unpack_from("!I", packet, 8)
        if roc is None:
            roc, last = self.roc.get(ssrc, (self.first_roc, seq))
            if last > 0xc000 and seq < 0x4000:
                roc += 1
            self.roc[ssrc] = (roc, seq)
        n = header_length(packet)
        payload = xor(packet[n:], self.stream(self.cipher, self.salt, ssrc, roc << 16 | seq,
                                              len(packet) - n))
        out = packet[:n] + payload
        return out + self.mki + self.tag(self.auth, out + struct.pack("!I", roc))

    def index(self, ssrc, seq):
        """Guess the packet's index (3.3.1, appendix A)."""
        highest = self.highest.get(ssrc)
        if highest is None:
            return self.first_roc << 16 | seq
        roc = highest >> 16
        return min((r << 16 | seq for r in (roc - 1, roc, roc + 1) if r >= 0),
                   key=lambda i: abs(i - highest))

    def split(self, packet):
        """-> what is authenticated, and the tag (3.1, 3.4: the MKI stands between)."""
        body, tag = packet[:-TAG], packet[-TAG:]
        if not body.endswith(self.mki):
            raise NotAuthentic
        return body[:len(body) - len(self.mki)], tag

    def unprotect(self, packet):
        body, tag = self.split(packet)
        seq, = struct.unpack_from("!H", body, 2)
        ssrc, = struct.unpack_from("!I", body, 8)
        index = self.index(ssrc, seq)
        if not hmac.compare_digest(self.tag(self.auth, body + struct.pack("!I", index >> 16)), tag):
            raise NotAuthentic
        self.highest[ssrc] = max(index, self.highest.get(ssrc, 0))
        n = header_length(body)
        return body[:n] + xor(body[n:], self.stream(self.cipher, self.salt, ssrc, index,
                                                    len(body) - n))

    def protect_rtcp(self, packet):
        self.rtcp_index += 1
        ssrc, = struct.unpack_from("!I", packet, 4)
        out = packet[:8] + xor(packet[8:], self.stream(
            self.rtcp_cipher, self.rtcp_salt, ssrc, self.rtcp_index, len(packet) - 8))
        out += struct.pack("!I", 1 << 31 | self.rtcp_index)
        return out + self.mki + self.tag(self.rtcp_auth, out)

    def unprotect_rtcp(self, packet):
        body, tag = self.split(packet)
        if not hmac.compare_digest(self.tag(self.rtcp_auth, body), tag):
            raise NotAuthentic
        ssrc, = struct.unpack_from("!I", body, 4)
        word, = struct.unpack("!I", body[-4:])
        plain = body[8:-4]
        if word >> 31:
            plain = xor(plain, self.stream(self.rtcp_cipher, self.rtcp_salt, ssrc,
                                           word & 0x7fffffff, len(plain)))
        return body[:8] + plain


def rtp(seq, ssrc, payload, timestamp=0, payload_type=0):
    return struct.pack("!BBHII", 0x80, payload_type, seq & 0xffff, timestamp & 0xffffffff,
                       ssrc) + payload


def rtcp_report(ssrc, text):
    """A receiver report without blocks and an SDES with a CNAME (RFC 3550 6.1)."""
    item = b"\x01" + bytes([len(text)]) + text
    item += bytes(4 - len(item) % 4)
    sdes = struct.pack("!BBHI", 0x81, 202, (4 + len(item)) // 4, ssrc) + item
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc) + sdes
