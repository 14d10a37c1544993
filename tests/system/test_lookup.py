# SPDX-License-Identifier: BSD-3-Clause
"""--lookup: what it says of a call is what becomes of that call."""
import re
import subprocess

import pytest

from gateway import BINARY
from ua import Leg, Media, Message

OUTSIDE = "+441632970099"

NUMBERS = """\
number,holes,trunk,carrier,account,label,enabled_from,enabled_to,caller_id,location,\
headers_to_carrier,header:X-Tenant,header:X-Number
+441632980001,,service,,acme,Front desk,,,,,,{account},{number}
+441632980100-980199,+441632980150-980159,service,,acme,,,,,,,{label},r-{number}
+44163298*,,service,,,,,,,,,prefix,
+441632980002,,service,,,,2020-01-01T00:00:00Z,,,,,new,
+441632980002,,service,,,,,2020-01-01T00:00:00Z,,,,old,
+441632980003,,service,,,,2999-01-01T00:00:00Z,,,,,never,
+441632980004,,service,,acme,,,,main,,yes,{trunk},
+441632980005,,service,,acme,,,,screened,+441632980099,,,
"""

# from which trunk, called, calling, exit status
CALLS = (
    ("carrier", "+441632980001", OUTSIDE, 0),    # a number
    ("carrier", "+441632980001", None, 0),       # of somebody who is not told
    ("carrier", "+441632980123", OUTSIDE, 0),    # in a range
    ("carrier", "+441632980155", OUTSIDE, 0),    # in its hole: the prefix
    ("carrier", "+441632980002", OUTSIDE, 0),    # two rules, one of them over
    ("carrier", "+441632980003", OUTSIDE, 0),    # not yet: the prefix
    ("service", "01632970099", "01632980001", 0),  # as the service writes numbers
    ("service", "0033123456789", "+441632980004", 0),
    ("service", "+441632970099", "+441632980005", 0),
    ("service", "112", "+441632980005", 0),
    ("service", "112", OUTSIDE, 0),
    ("service", "1470", "+441632980001", 0),     # digits as dialled
    ("carrier", "+441632960555", OUTSIDE, 2),
    ("carrier", "1632", OUTSIDE, 2),
    ("service", OUTSIDE, "+441632970001", 2),
    ("service", OUTSIDE, None, 2),
)

# What is left out of the answer: each message has its own.
OWN = {"via", "call-id", "cseq", "content-type", "content-length"}


@pytest.fixture
def conf(conf, tmp_path):
    csv = tmp_path / "numbers.csv"
    csv.write_text(NUMBERS)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account,main_number,calls\nacme,+441632980000,50\n")
    conf.number_files = [str(csv)]
    conf.trunks[1].update(emergency=["112"], numbering={
        "country": "44", "national_prefix": "0", "international_prefix": "00",
        "format": "national"})
    text = conf.text()
    conf.text = lambda: text + f'account_files = [ "{accounts}" ];\n'
    return conf


def lookup(file, called, *args):
    return subprocess.run([BINARY, "--lookup", called, *args, str(file)], capture_output=True,
                          text=True, timeout=60)


def question(trunk, called, caller):
    return (called, "--trunk", trunk) + (("--caller", caller) if caller else ())


def told(out):
    """The INVITE of an answer, and the trunk that it goes to."""
    found = re.search(r"^INVITE to (\S+), .*\n((?:[ *] .*\n)+)", out, re.M)
    assert found, out
    return Message("\r\n".join(line[2:] for line in found[2].splitlines())), found[1]


def shape(message):
    """What two INVITEs of one call have in common, in any order."""
    headers = [(name, re.sub(r";tag=\S+", "", value)) for name, value in message.headers
               if name.lower() not in OWN]
    return message.start, sorted(headers)


def test_is_what_a_call_gets(pair, gateway):
    carrier, service = pair
    for trunk, called, caller, status in CALLS:
        answer = lookup(gateway.file, *question(trunk, called, caller))
        assert answer.returncode == status, answer.stdout + answer.stderr
        here, there = (carrier, service) if trunk == "carrier" else (service, carrier)
        leg = Leg(here)
        if status:
            refused = re.search(r"^answer +refused: (\d+) ", answer.stdout, re.M)
            assert refused, answer.stdout
            leg.refused(caller or "anonymous", called, int(refused[1]))
            continue
        invite, to = told(answer.stdout)
        assert to == there.side
        leg.invite(caller or "anonymous", called, Media(here).sdp())
        came = there.expect("INVITE")
        assert shape(came) == shape(invite), (trunk, called, caller)
        far = Leg(there).called(came)
        far.reply(came, 486)
        there.expect("ACK")
        leg.ack(here.expect(486))
        leg.settle()


def test_of_the_caller(tmp_path, conf):
    """Without --trunk: the service that has the calling number, else the first carrier."""
    file = tmp_path / "sallyport.conf"
    file.write_text(conf.text())
    for args, trunk in (((OUTSIDE, "--caller", "+441632980001"), "service"),
                        (("+441632980001", "--caller", OUTSIDE), "carrier"),
                        (("+441632980001",), "carrier"), (("112",), "service")):
        answer = lookup(file, *args)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert re.search(rf"^from +\S+ trunk {trunk}, {re.escape(str(file))}:\d+ \(",
                         answer.stdout, re.M), answer.stdout


def test_at_another_time(tmp_path, conf):
    file = tmp_path / "sallyport.conf"
    file.write_text(conf.text())
    csv = tmp_path / "numbers.csv"
    for when, tenant, line in (("2019-12-31T23:59:59Z", "old", 6),
                               ("2020-01-01T00:30:00+01:00", "old", 6),
                               ("2020-01-01T01:00:00+01:00", "new", 5)):
        answer = lookup(file, "+441632980002", "--time", when)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert told(answer.stdout)[0]["X-Tenant"] == tenant
        assert re.search(rf"^> \+441632980002 +number +{re.escape(str(csv))}:{line}: decides$",
                         answer.stdout, re.M), answer.stdout
    answer = lookup(file, "+441632980002", "--time", "2020-01-01T00:00:00")
    assert answer.returncode == 1 and "zone" in answer.stderr


def test_mistakes(tmp_path, conf):
    """They are told as --check tells them."""
    file = tmp_path / "sallyport.conf"
    conf.trunks[0]["interface"] = "outer"
    text = conf.text()
    file.write_text(text.replace('"core";\n  identities', '"outer";\n  identities'))
    (tmp_path / "numbers.csv").write_text("number,trunk\n+441632980001,nobody\n")
    answer = lookup(file, "+441632980001")
    assert answer.returncode == 1 and not answer.stdout
    check = subprocess.run([BINARY, "--check", str(file)], capture_output=True, text=True,
                           timeout=60)
    mistakes = [line for line in check.stderr.splitlines() if ": note: " not in line]
    assert answer.stderr.splitlines() == mistakes
    assert any("numbers.csv:2: " in line and "nobody" in line for line in mistakes)


@pytest.mark.parametrize("args", (
    ("--lookup",), ("--caller", "+4416"), ("--trunk", "a"), ("--time", "2026-12-01T00:00:00Z"),
    ("--lookup", "+4416", "--check"), ("-n", "+4416", "--status"), ("-n", "+4416", "-v"),
))
def test_misused(args):
    done = subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and not done.stdout
    assert "--help" in done.stderr


def test_cannot_be_asked(tmp_path, conf):
    file = tmp_path / "sallyport.conf"
    file.write_text(conf.text())
    for args, what in ((("+441632980001", "--trunk", "nobody"), "nobody: no such trunk"),
                       (("a\tb",), "a\tb: no SIP message")):
        answer = lookup(file, *args)
        assert answer.returncode == 1 and not answer.stdout
        assert what in answer.stderr
