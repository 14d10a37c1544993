# SPDX-License-Identifier: BSD-3-Clause
"""Failover as single calls see it: to which trunk and target, when not, and what is told."""
import pytest

from gateway import Conf
from ua import Call, Leg, Media, Sdp, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
SERVICE = dict(response_s=1, progress_s=2, failover_s=10, failover_tries=4)


@pytest.fixture
def targets(conf, launch, peer, net):
    """targets(n, key=value) starts a gateway whose service has n; -> (gateway, caller, they)"""
    def make(n, **more):
        addresses = [net.address("service", i + 1) for i in range(n)]
        conf.trunks[1].update(SERVICE, targets=[f"{a}:{net.port}" for a in addresses], **more)
        made = [peer("service", address=a).listen() for a in addresses]
        gateway = launch(conf)
        for address in addresses:
            gateway.wait_for("target_up", target=f"{address}:{net.port}")
        carrier = peer("carrier")
        carrier.connect()
        return gateway, carrier, made
    return make


def call(carrier, called=DID):
    leg = Leg(carrier)
    leg.invite(OUTSIDE, called, Media(carrier).sdp())
    return leg


def refuse(target, status, headers=()):
    """The INVITE that comes gets this, and its ACK is waited for."""
    invite = target.expect("INVITE")
    reply(invite, status, tag="t", headers=headers)
    target.expect("ACK")
    return invite


def answer(leg, target):
    """The target takes the call and the caller hangs up."""
    b = Leg(target).called(target.expect("INVITE"))
    b.reply(target.seen[-1], 200, Media(target).sdp())
    target.expect("ACK")
    ok = leg.peer.expect(200)
    leg.answered(ok)
    leg.ack(ok)
    hang_up(leg, b)
    return ok


def hang_up(a, b):
    a.request("BYE")
    a.peer.expect(200, "BYE")
    b.reply(b.peer.expect("BYE"), 200)
    b.settle()


# ---- trunks ----

@pytest.fixture
def backup(conf, peer, net, pki):
    """A second trunk for DID, on an interface of its own; -> (its peer, the interface's address)"""
    edge2 = net.edge.rsplit(".", 1)[0] + ".2"
    interface = conf.interface("edge", edge2)
    interface.update(name="edge2", media={"address": edge2, "ports": [30000, 30099]})
    interface["sip"]["advertise"] = "edge2.gateway.example"
    pki.issue("backup", "service-ca", "backup.example")
    conf.interfaces.append(interface)
    conf.trunks[1].update(SERVICE)
    address = net.address("service", 9)
    conf.trunks.append(conf.trunk("service", "backup", carrier="carrier", interface="edge2",
                                  identities=["backup.example"],
                                  targets=[f"{address}:{net.port}"]))
    conf.numbers[0]["trunk"] = ["service", "backup"]
    return peer("service", address=address, cert="backup", domain="backup.example"), edge2


def talks_from(call, address):
    """The call's description at the callee has this address, and voice comes from there."""
    offer = Sdp(call.invite.body)
    assert offer.address == address and "edge2.gateway.example" in call.invite["Contact"]
    assert "edge2.gateway.example" in call.invite["Via"] or address in call.invite["Via"]
    call.answer()
    for from_, to in ((call.b_media, call.a_media), (call.a_media, call.b_media)):
        for seq in range(3):
            from_.send(from_.packet(seq, b"v" * 160))
        assert to.receive()


def test_next_trunk_when_the_first_is_down(launch, conf, peer, backup):
    callee, edge2 = backup
    gateway = launch(conf)
    carrier = peer("carrier")
    carrier.connect()
    callee.listen()
    made = Call(carrier, callee, OUTSIDE, DID)
    talks_from(made, edge2)
    made.hang_up()
    gateway.wait_for("call_retry", trunk="service", to="backup", why="trunk")
    first = peer("service").listen()
    gateway.wait_for("target_down", trunk="service")
    gateway.wait_for("conn_up", trunk="service")
    Call(carrier, first, OUTSIDE, DID).answer().hang_up()


@pytest.mark.parametrize("limit", ("calls", "calls_out"))
def test_next_trunk_when_the_first_is_full(launch, conf, peer, backup, limit):
    callee, edge2 = backup
    conf.trunks[1][limit] = 1
    gateway = launch(conf)
    carrier, first = peer("carrier"), peer("service").listen()
    carrier.connect()
    callee.listen()
    one = Call(carrier, first, OUTSIDE, DID).answer()
    two = Call(carrier, callee, OUTSIDE, DID)
    talks_from(two, edge2)
    gateway.wait_for("limit_reached", trunk="service", limit=limit)
    Leg(carrier).refused(OUTSIDE, Conf.DID2, 503)  # that number has no other trunk
    one.hang_up()
    Call(carrier, first, OUTSIDE, DID).answer().hang_up()
    two.hang_up()


def test_next_trunk_after_all_targets_of_the_first(launch, conf, peer, backup):
    callee, edge2 = backup
    gateway = launch(conf)
    carrier, first = peer("carrier"), peer("service").listen()
    carrier.connect()
    callee.listen()
    leg = call(carrier)
    refuse(first, 503)
    answer(leg, callee)
    gateway.wait_for("call_retry", trunk="service", to="backup", why="trunk", status=503)


# ---- what the caller hears ----

def test_failure_says_how_many_were_asked(targets):
    gateway, carrier, made = targets(3)
    leg = call(carrier)
    for target, status in zip(made, (503, 504, 503)):
        refuse(target, status)
    failure = carrier.expect(503)
    leg.ack(failure)
    assert "3 attempts, the last one: 503" in failure["Warning"]
    leg = call(carrier)
    refuse(made[0], 486)
    failure = carrier.expect(486)
    leg.ack(failure)
    assert not failure["Warning"]


def test_the_callees_word_is_the_last(targets):
    gateway, carrier, made = targets(2)
    leg = call(carrier)
    refuse(made[0], 503)
    refuse(made[1], 486)
    failure = carrier.expect(486)
    leg.ack(failure)
    assert "2 attempts, the last one: 486" in failure["Warning"]


def test_tries_are_limited(targets):
    gateway, carrier, made = targets(3, failover_tries=2)
    leg = call(carrier)
    refuse(made[0], 503)
    refuse(made[1], 503)
    leg.ack(carrier.expect(503))
    made[2].expect_nothing()


@pytest.mark.parametrize("allowed", (False, True))
def test_early_media(targets, allowed):
    gateway, carrier, made = targets(2, failover_early_media=allowed)
    leg = call(carrier)
    invite = made[0].expect("INVITE")
    reply(invite, 183, Media(made[0]).sdp(), tag="t", headers=[Leg(made[0]).contact])
    early = carrier.expect(183)
    reply(invite, 503, tag="t")
    made[0].expect("ACK")
    if allowed:
        ok = answer(leg, made[1])
        assert ok["To"] != early["To"]
    else:
        leg.ack(carrier.expect(503))
        made[1].expect_nothing()


def test_ringing_is_no_promise(targets, peer):
    gateway, carrier, made = targets(2)
    leg = call(carrier)
    invite = made[0].expect("INVITE")
    reply(invite, 180, tag="t", headers=[Leg(made[0]).contact])
    early = carrier.expect(180)
    made[0].close()  # all of it dies while it rings
    first, second = made[1].inbox.get(timeout=5), made[1].inbox.get(timeout=5)
    cancel = first if first.method == "CANCEL" else second
    reply(cancel, 481)  # there is no way to him whom it is for; another of them may know
    made[1].inbox.put(second if cancel is first else first)
    ok = answer(leg, made[1])
    assert ok["To"] != early["To"]
    gateway.wait_for("call_retry", status=503, why="failover")
    again = peer("service", address=made[0].address)
    invite.conn = again.connect()
    reply(invite, 487, tag="t")  # it is up again, and ends what it had in progress
    again.expect("ACK")


# ---- dialogs and their targets ----

def test_who_answers_late_is_hung_up(targets):
    gateway, carrier, made = targets(2)
    leg = call(carrier)
    invite = made[0].expect("INVITE")  # and no word
    answer(leg, made[1])
    late = Leg(made[0]).called(invite)
    late.reply(invite, 200, Media(made[0]).sdp())
    ack = made[0].expect("ACK")
    assert ack.conn is invite.conn
    late.reply(made[0].expect("BYE"), 200)
    late.settle()
    made[1].expect_nothing()


def test_who_rings_late_is_cancelled(targets):
    gateway, carrier, made = targets(2)
    leg = call(carrier)
    invite = made[0].expect("INVITE")
    answer(leg, made[1])
    reply(invite, 180, tag="t", headers=[Leg(made[0]).contact])  # RFC 3261 9.1: not before it
    reply(made[0].expect("CANCEL"), 200, tag="t")
    reply(invite, 487, tag="t")
    made[0].expect("ACK")
    carrier.expect_nothing()


def test_a_dialog_stays_with_its_target(targets):
    gateway, carrier, made = targets(2)
    gateway.wait_for("conn_up", trunk="service", count=4)  # two each
    leg = call(carrier)
    refuse(made[0], 503)
    invite = made[1].expect("INVITE")
    b = Leg(made[1]).called(invite)
    b.reply(invite, 200, Media(made[1]).sdp())
    made[1].expect("ACK")
    ok = carrier.expect(200)
    leg.answered(ok)
    leg.ack(ok)
    invite.conn.close()
    gateway.wait_for("conn_down", trunk="service")
    leg.request("BYE")
    carrier.expect(200, "BYE")
    bye = made[1].expect("BYE")  # on its other connection
    b.conn = bye.conn
    b.reply(bye, 200)
    b.settle()
    made[0].expect_nothing(0.1)


# ---- Retry-After ----

def test_all_targets_are_busy(targets):
    gateway, carrier, made = targets(2)
    leg = call(carrier)
    refuse(made[0], 503, [("Retry-After", "300")])
    refuse(made[1], 503, [("Retry-After", "200 (soon)")])
    for response in (carrier.expect(503), None):
        if not response:  # and so does the next call, which is offered to nobody
            leg = call(carrier)
            response = carrier.expect(503)
        leg.ack(response)
        assert 190 < int(response["Retry-After"]) <= 200, response
    for target in made:
        target.expect_nothing(0.1)


def test_emergency_calls_go_to_busy_targets(launch, conf, peer):
    conf.trunks[1].update(SERVICE)
    conf.trunks[0].update(SERVICE)
    conf.trunks[1]["emergency"] = ["112"]
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service")
    service.connect()
    leg = Leg(service)
    leg.invite(DID, OUTSIDE, Media(service).sdp())
    refuse(carrier, 503, [("Retry-After", "300")])
    leg.ack(service.expect(503))
    Leg(service).refused(DID, OUTSIDE, 503)
    carrier.expect_nothing(0.1)
    leg = Leg(service)
    leg.invite(DID, "112", Media(service).sdp())
    answer(leg, carrier)
