# SPDX-License-Identifier: BSD-3-Clause
"""The soak's mix of calls, in a process of its own: who calls whom, what goes on in the call,
and how it ends, most of it by chance; and targets that fail and come back.

A call's called number is its own: by that the callee's phone finds what is planned for it.
"""
import asyncio
import collections
import multiprocessing
import os
import random
import signal
import traceback

from phones import Leg, Phone
from ua import reply, uri_of
from voices import TICK_S, Voices

NUMBERS = 10000      # of each service
OUTSIDE = "+4930123"
SETUPS = {"ring": 44, "at once": 10, "early": 8, "reliable": 10, "forks": 8, "busy": 6,
          "silent": 5, "redirect": 5}
ENDS = {"caller": 45, "callee": 45, "both": 10}
DELAYED, CANCELLED, CUT, FORGOTTEN, CHANGED, MISDIALLED, LONG = .06, .08, .15, .01, .3, .03, .02
MODES = ("shut", "silent", "busy", "trying")
FAIL_S, RESET_S = 3, 2.5
LAST_PACKET_S = 0.1


class Plan:
    """One call."""

    def __init__(self, setup, talk_s, delayed):
        self.setup, self.talk_s, self.delayed = setup, talk_s, delayed
        self.answered_early = False
        self.legs, self.pair, self.redirected, self.transfers = [], None, False, 0

    @property
    def caller(self):
        return self.legs[0]

    def over(self):
        """Somebody has hung up, or gone."""
        return any(leg.state in ("ending", "over") for leg in self.legs)


def choose(weights):
    return random.choices(list(weights), list(weights.values()))[0]


class Crew:
    def __init__(self, net, pki, voices, talk_s):
        self.net, self.pki, self.talk_s = net, pki, talk_s
        self.count, self.plans = collections.Counter(), {}
        self.voices = Voices(net, voices)
        self.rate, self.running, self.serial = 0.0, set(), random.randrange(NUMBERS)
        self.calm = False
        self.carriers = [Phone(self, f"c{i}", "carrier", net.address("carrier", 10 + i), f"c{i}", 3)
                         for i in (1, 2)]
        self.services = {
            "s1": [self.service("s1", 11, 3), self.service("s1", 12, 0)],
            "s2": [self.service("s2", last, 0) for last in (21, 22, 23)],
            "s3": [self.service("s3", 31, 1)]}
        self.fragile = self.services["s2"] + self.services["s3"]

    def service(self, trunk, last, connections):
        return Phone(self, trunk, "service", self.net.address("service", last), trunk, connections)

    def phones(self):
        return self.carriers + [p for phones in self.services.values() for p in phones]

    # ---- a call, from its caller ----

    def begin(self):
        self.serial = (self.serial + 1) % NUMBERS
        long = random.random() < LONG
        plan = Plan(choose(SETUPS), random.uniform(50, 95) if long else
                    random.expovariate(1 / self.talk_s), random.random() < DELAYED)
        trunk = random.choices(list(self.services), (6, 3, 1))[0]
        number = f"+44161{trunk[1]}{self.serial:05}"
        if random.random() < 0.3:
            phone = self.services["s1"][0]
            caller, called = f"+441611{random.randrange(NUMBERS):05}", f"{OUTSIDE}{self.serial:05}"
        else:
            phone = random.choice(self.carriers)
            caller, called = OUTSIDE + "0", number
        if random.random() < MISDIALLED:
            called = called.replace("+44161", "+44179")  # in nobody's table
        if called in self.plans or not phone.wire():
            return
        if long or random.random() < 0.5:
            plan.pair = self.voices.take()
        self.plans[called] = plan
        task = asyncio.ensure_future(self.guard(plan, phone, caller, called))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def guard(self, plan, phone, caller, called):
        try:
            await self.run(plan, phone, caller, called)
        except Exception as e:  # a fault of this program, which is to be told
            self.count["faults"] += 1
            print(f"soak: {type(e).__name__}: {e}", flush=True)
            if self.count["faults"] < 3:
                traceback.print_exc()
        finally:
            if self.plans.get(called) is plan:
                del self.plans[called]
            if plan.pair:
                self.voices.give_back(plan.pair)

    def mouth(self, plan, leg):
        if plan.pair:
            leg.mouth = plan.pair.ends[0 if leg.phone.side == "carrier" else 1]

    async def run(self, plan, phone, caller, called):
        leg = Leg(phone, plan)
        plan.legs.append(leg)
        self.mouth(plan, leg)
        supported = ["replaces"] + ["100rel"] * (random.random() < 0.7) + ["timer"] * (
            random.random() < 0.3)
        if not leg.call(caller, called, b"" if plan.delayed else leg.sdp(),
                        [("Supported", ", ".join(supported))]):
            return leg.forget()
        self.count["attempts"] += 1
        if random.random() < CUT:
            self.cut(plan, random.uniform(0, min(plan.talk_s, 8) + 1.5))
        patience = random.uniform(0, 2) if random.random() < CANCELLED else 34
        if not await leg.until(lambda: leg.state in ("up", "over"), patience):
            self.count["cancelled"] += 1
            leg.hang_up()
            await leg.until(lambda: leg.state == "over", 40)
        if leg.state == "up":
            await self.talk(plan)
        await leg.until(lambda: leg.state == "over", 70)
        self.book(leg)

    def book(self, leg):
        """What this caller has seen of its call, for the comparison with the gateway's counts."""
        if not leg.heard:
            self.count["unheard"] += 1
        if not leg.final:
            self.count["unanswered"] += 1
        elif leg.final < 300:
            self.count["answered"] += 1
        else:
            self.count[f"refused_{leg.final}"] += 1
        if leg.state != "over":
            self.count["endless"] += 1
            leg.forget()

    def cut(self, plan, after_s):
        """Somebody hangs up, or goes away, whatever the call is doing then."""
        def act():
            leg = random.choice(plan.legs)
            if leg.state == "over":
                return
            self.count["cut"] += 1
            if random.random() < FORGOTTEN / CUT:
                leg.forget()
            else:
                leg.hang_up()
        asyncio.get_event_loop().call_later(after_s, act)

    # ---- what goes on in it ----

    async def talk(self, plan):
        leg = plan.caller
        if plan.pair:
            self.voices.start(plan.pair)
        if random.random() < CHANGED:
            for _ in range(random.randrange(1, 4)):
                await leg.until(plan.over, random.uniform(0, plan.talk_s / 3))
                if plan.over():
                    break
                await self.change(plan)
        await leg.until(plan.over, plan.talk_s)
        if plan.pair:
            plan.pair.talking = False  # what is still on its way then is not lost with the ports
            await asyncio.sleep(LAST_PACKET_S)
        self.finish(plan, choose(ENDS))

    def finish(self, plan, who):
        callee = next((leg for leg in plan.legs[1:] if leg.state == "up"), None)
        if who != "callee" or not callee:
            plan.caller.hang_up()
        if who != "caller" and callee:
            callee.hang_up()

    async def change(self, plan):
        leg = random.choice([leg for leg in plan.legs if leg.state == "up"] or plan.legs)
        what = choose({"hold": 4, "update": 2, "info": 1, "message": 1, "glare": 1,
                       "refer": 2 if leg.phone.trunk in ("s1", "c1") else 0})
        self.count[what] += 1
        if what in ("hold", "update"):
            method = "INVITE" if what == "hold" else "UPDATE"
            leg.change(method, random.choice(("sendonly", "inactive")))
            await leg.until(lambda: plan.over() or not leg.open, 3)
            await leg.until(plan.over, random.uniform(0, 1))
            leg.change(method, "sendrecv")
        elif what == "glare":
            for other in plan.legs:
                other.change("INVITE", "sendrecv")
        elif what == "refer" and not plan.transfers:
            plan.transfers = 1
            self.transfer(plan, leg)
        elif leg.state == "up" and what != "refer":
            leg.send(what.upper(), b"")
        await leg.until(lambda: plan.over() or not leg.open, 3)

    def transfer(self, plan, leg):
        """A blind transfer that the gateway carries out (RFC 3515): the target is one more leg."""
        self.serial = (self.serial + 1) % NUMBERS
        number = f"+441611{self.serial:05}"
        if number in self.plans or plan.delayed:
            return
        self.plans[number] = plan
        if plan.pair:
            plan.pair.talking = False  # the one who joins has no voice
        host = leg.phone.gateway_name
        leg.send("REFER", b"", [("Refer-To", f"<sip:{number}@{host}>"),
                                ("Referred-By", f"<sip:soak@{leg.phone.domain}>")])
        asyncio.get_event_loop().call_later(40, self.forget_number, number, plan)

    def forget_number(self, number, plan):
        if self.plans.get(number) is plan:
            del self.plans[number]

    # ---- its callee ----

    def invited(self, phone, m):
        self.count["invites"] += 1
        number = uri_of(m.uri).split(":")[1].split("@")[0]
        plan = self.plans.get(number)
        if phone.mode == "busy":
            reply(m, 503, tag="b", headers=[("Retry-After", 1)] if random.random() < .5 else [])
        elif phone.mode == "trying":
            reply(m, 100)
            leg = Leg(phone, plan or Plan("silent", 0, False), m)
            leg.after(12, lambda: leg.state == "over" or leg.hang_up())
        elif not plan or not m["Contact"]:
            reply(m, 404, tag="n")
        else:
            leg = Leg(phone, plan, m)
            if m.body and plan.pair and not plan.transfers:  # the last target that is asked
                self.mouth(plan, leg)
                leg.mouth.hear(m.body)
            plan.legs.append(leg)
            task = asyncio.ensure_future(self.answering(plan, leg, m))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    async def answering(self, plan, leg, m):
        setup = "at once" if len(plan.legs) > 2 else plan.setup
        leg.answer(m, 100)
        if setup not in ("at once", "busy"):
            await leg.until(lambda: leg.state == "over", random.uniform(0, 0.3))
        early = leg.sdp() if m.body else b""
        tag = None
        if setup == "reliable" and leg.state == "calling" and "100rel" in (m["Supported"] or ""):
            leg.answer(m, 183, leg.sdp(), [("Require", "100rel"),
                                           ("RSeq", random.randrange(1, 1 << 20))])
            await leg.until(lambda: leg.pracked or leg.state == "over", 5)
        elif setup == "forks" and leg.state == "calling":
            tag = await self.fork(leg, m, early)
        elif setup != "busy" and leg.state == "calling":
            leg.answer(m, 183 if setup == "early" else 180, early if setup == "early" else b"")
        if leg.state == "calling":
            leg.state = "ringing"
        wait = {"busy": 0, "at once": 0, "silent": 60}.get(setup, random.uniform(0, 1.5))
        await leg.until(lambda: leg.state == "over", wait)
        if leg.state != "ringing":
            return
        if setup == "busy":
            leg.answer(m, random.choice((480, 486, 486, 486, 600, 603, 404, 500, 503)))
            leg.end()
        elif setup == "redirect" and not plan.redirected:
            plan.redirected = True
            plan.legs.remove(leg)
            other = self.net.address("service", random.choice((11, 12, 21, 22, 199)))
            leg.answer(m, 302, b"", [("Contact", f"<sip:{leg.phone.address}>;q=0.1"),
                                     ("Contact", f"<sip:{other}>;q=0.5")])
            leg.end()
        elif setup == "silent":
            leg.hang_up()
        else:
            leg.state, leg.tag = "up", tag or leg.tag
            leg.answer(m, 200, b"" if setup == "reliable" and leg.pracked else leg.sdp())

    async def fork(self, leg, m, early):
        """Two or three phones ring, one of them answers; -> its tag."""
        tags = [f"{leg.tag}{i}" for i in range(random.randrange(2, 4))]
        for tag in tags:
            if leg.state == "over":
                break
            leg.answer(m, random.choice((180, 183)), early if random.random() < .5 else b"",
                       tag=tag)
            await leg.until(lambda: leg.state == "over", random.uniform(0, .2))
        return random.choice(tags)

    # ---- what goes wrong around them ----

    async def fail(self):
        """Targets fail, each in its way, and come back."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * FAIL_S)
            if self.calm:
                continue
            phone, mode = random.choice(self.fragile), random.choice(MODES)
            if phone.mode != "open":
                continue
            self.count[f"target_{mode}"] += 1
            phone.mode = mode
            if mode == "shut":
                await phone.shut()
            asyncio.ensure_future(self.recover(phone, random.uniform(1, 6)))

    async def recover(self, phone, after_s):
        await asyncio.sleep(after_s)
        phone.mode = "open"
        await phone.open()

    async def reset(self):
        """Connections break, with calls on them."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * RESET_S)
            wires = [wire for phone in self.phones() for wire in phone.wires]
            if wires and not self.calm:
                self.count["resets"] += 1
                random.choice(wires).reset()

    # ---- the process ----

    async def pace(self):
        loop = asyncio.get_event_loop()
        due = loop.time()
        while True:
            now = loop.time()
            due = max(due, now - 1)
            while self.rate and due <= now:
                self.begin()
                due += random.expovariate(self.rate)
            await asyncio.sleep(0.01)

    async def speak(self):
        loop = asyncio.get_event_loop()
        due = loop.time()
        while True:
            self.voices.tick()
            due += TICK_S
            if loop.time() > due + TICK_S:
                self.voices.late_ticks += 1
                due = loop.time()
            await asyncio.sleep(max(0, due - loop.time()))

    def figures(self):
        v = self.voices
        return {**self.count, "running": len(self.running), "rtp_sent": v.sent, "rtp_got": v.got,
                "rtp_stray": v.stray, "rtp_verified": v.verified, "rtp_bad": v.bad,
                "late_ticks": v.late_ticks}

    async def serve(self, pipe):
        for phone in self.phones():
            await phone.open()
        pipe.send("ready")
        loop = asyncio.get_event_loop()
        over = asyncio.Event()

        def command():
            name, *args = pipe.recv()
            if name == "connect":
                for phone in self.phones():
                    phone.task = asyncio.ensure_future(phone.connect())
                for work in (self.pace(), self.speak(), self.fail(), self.reset()):
                    self.running_work.append(asyncio.ensure_future(work))
            elif name == "rate":
                self.rate = args[0]
            elif name == "calm":
                self.calm, self.rate = True, 0
                for phone in self.phones():
                    for leg in list(phone.legs.values()):
                        leg.hang_up()
            elif name == "end":
                over.set()
            pipe.send(self.figures())

        self.running_work = []
        loop.add_reader(pipe.fileno(), command)
        await over.wait()


def main(pipe, cpu, net, pki, voices, talk_s):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.sched_setaffinity(0, {cpu})
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    crew = Crew(net, pki, voices, talk_s)
    loop.run_until_complete(crew.serve(pipe))
    crew.voices.close()


class Mix:
    """That process, from outside."""

    def __init__(self, cpu, net, pki, voices, talk_s):
        self.pipe, far = multiprocessing.Pipe()
        self.process = multiprocessing.Process(
            target=main, args=(far, cpu, net, pki, voices, talk_s), daemon=True)
        self.process.start()
        assert self.pipe.poll(60) and self.pipe.recv() == "ready", "the mix does not begin"

    def ask(self, *words):
        self.pipe.send(words)
        assert self.pipe.poll(20), f"the mix does not answer to {words[0]}"
        return collections.Counter(self.pipe.recv())

    def end(self):
        if self.process.is_alive():
            self.process.terminate()
        self.process.join(5)
