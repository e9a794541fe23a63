# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs, as one page with a picture. Pure: a ``Site`` in, HTML that is XML out; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

OK, BUSY, BAD = "ok", "busy", "bad"
OPEN, SHUT, WRONG = "open", "shut", "wrong"
OUTSIDE, SERVICES = "internet", "services"
"""Keys of the places that are in no subnet."""
WIDE, NARROW = 1160, 358
"""Widths of the picture in pixels, for a screen and for a phone."""
MOST_DOTS = 240
"""Pods that are drawn one by one; of more only the number is shown."""
SOON = 30
"""Days before its end from which a certificate is marked."""


@dataclass(frozen=True)
class Thing:
    """One resource. ``health``: ok, busy or bad. ``mark``: how it differs from the declaration."""

    kind: str
    name: str
    state: str = ""
    health: str = OK
    note: str = ""
    mark: str = ""
    id: str = ""


@dataclass(frozen=True)
class Group:
    """Things under a heading of their own, such as a fault domain. ``dots``: drawn small, since they are many."""

    title: str
    things: tuple[Thing, ...]
    dots: bool = False


@dataclass(frozen=True)
class Place:
    """A subnet, or what is outside. ``free``, ``size``: addresses, where they are known."""

    key: str
    name: str
    note: str = ""
    free: int | None = None
    size: int | None = None
    mark: str = ""
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Flow:
    """Traffic between two places. ``verdict``: open, shut (as it should be) or wrong."""

    source: str
    destination: str
    traffic: str
    verdict: str = OPEN
    purpose: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Site:
    """All that the page shows. ``time``: when it was looked at, as text."""

    name: str
    region: str
    time: str
    compartments: tuple[str, ...] = ()
    vcn: Thing | None = None
    gateways: tuple[Thing, ...] = ()
    places: tuple[Place, ...] = ()
    outside: tuple[Place, ...] = ()
    flows: tuple[Flow, ...] = ()
    findings: tuple[tuple[str, str], ...] | None = None  # (kind, what); None: drift was not looked for
    certificate_days: int | None = None
    certificate: str = ""
    notes: tuple[str, ...] = field(default=())


# --- markup ------------------------------------------------------------------------------------------------------

_VOID = ("meta", "rect", "circle", "path", "polygon", "line")


class Markup(str):
    """Text that is markup already."""


def tag(element: str, /, *children: str, **attributes: object) -> Markup:
    """An element. What is not ``Markup`` is escaped; ``_`` in an attribute's name is ``-``, at its end nothing."""
    own = "".join(
        f' {key.rstrip("_").replace("_", "-") if key != "viewBox" else key}="{escape(clean(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(c if isinstance(c, Markup) else escape(clean(c), quote=False) for c in children)
    return Markup(f"<{element}{own} />" if element in _VOID and not inner else f"<{element}{own}>{inner}</{element}>")


def clean(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe") else "?" for c in text
    )


def cut(text: str, width: float, size: float = 13) -> str:
    """As much of a text as fits into so many pixels, in letters of that size."""
    room = max(1, int(width / (size * 0.56)))
    return text if len(text) <= room else text[: room - 1] + "…"


# --- the picture -------------------------------------------------------------------------------------------------

_PAD, _CHIP, _HEAD, _GAP = 12, 46, 52, 10


@dataclass
class _Box:
    """A place that is drawn: where it begins and how high it is."""

    place: Place
    top: float
    height: float
    ends: int = 0  # how many flows begin or end at its edge


class Picture:
    """Draws a site: places below each other, what is in them, and at their right edge the flows between them."""

    def __init__(self, site: Site, width: int) -> None:
        self.site, self.width, self.narrow = site, width, width < 600
        self.drawn = [f for f in bundled(site.flows) if f.verdict != SHUT]
        self.lane = 6 if self.narrow else 11
        self.labels = 16 if self.narrow else 150
        self.right = width - self.labels - self.lane * (len(self.drawn) + 2)  # where boxes end
        self.boxes: dict[str, _Box] = {}

    def markup(self) -> Markup:
        """The SVG element."""
        ends = [key for flow in self.drawn for key in (flow.source, flow.destination)]
        parts: list[Markup] = []
        first = [p for p in self.site.outside if p.key == OUTSIDE]
        rest = [p for p in self.site.outside if p.key != OUTSIDE]
        y = 4.0
        for place in first:
            y = self._place(parts, place, 4, y, ends) + _GAP
        top, inner = y, list[Markup]()
        y = self._frame_head(inner, y)
        for place in self.site.places:
            y = self._place(inner, place, 4 + _PAD, y, ends) + _GAP
        if self.site.vcn:
            frame = tag("rect", class_="vcn", x=4, y=top, width=self.right - 4 + _PAD / 2, height=y - top, rx=10)
            parts.append(frame)
        parts += inner
        y += _GAP
        for place in rest:
            y = self._place(parts, place, 4, y, ends) + _GAP
        parts += self._flows()
        label = f"picture-{self.width}"
        words = f"What runs of {self.site.name}, from the internet down to Oracle's services"
        return tag(
            "svg",
            tag("title", f"{self.site.name}: the network and what runs in it", id=f"{label}-title"),
            tag(
                "desc",
                f"{words}, and the traffic that passes between them. The tables below say the same.",
                id=f"{label}-desc",
            ),
            *parts,
            role="group",
            aria_labelledby=f"{label}-title {label}-desc",
            viewBox=f"0 0 {self.width} {y:.0f}",
            width=self.width,
            height=f"{y:.0f}",
            class_="narrow" if self.narrow else "wide",
            xmlns="http://www.w3.org/2000/svg",
        )

    def _frame_head(self, parts: list[Markup], y: float) -> float:
        vcn = self.site.vcn
        if vcn is None:
            return y
        where = f"compartment {', '.join(self.site.compartments)} · " if self.site.compartments else ""
        parts.append(self._text(f"VCN {vcn.name}", 4 + _PAD, y + 22, "strong", 15, self.right - 2 * _PAD))
        parts.append(self._text(f"{where}{vcn.note}", 4 + _PAD, y + 40, "muted", 12, self.right - 2 * _PAD))
        y += 50
        if vcn.mark:
            parts.append(self._text(f"◆ {vcn.mark}", 4 + _PAD, y + 8, "bad", 12, self.right - 2 * _PAD))
            y += 18
        if self.site.gateways:
            y = self._chips(parts, self.site.gateways, 4 + _PAD, y, self.right - 4 - _PAD) + _GAP
        return y

    def _place(self, parts: list[Markup], place: Place, x: float, y: float, ends: Sequence[str]) -> float:
        """Draws a place; returns where it ends."""
        inner: list[Markup] = []
        width = self.right - x
        below = y + _HEAD
        if place.size:
            below = self._meter(inner, place, x + _PAD, y + _HEAD - 2, width - 2 * _PAD) + 8
        if place.mark:
            inner.append(self._text(f"◆ {place.mark}", x + _PAD, below + 8, "bad", 12, width - 2 * _PAD))
            below += 18
        below = self._groups(inner, place.groups, x + _PAD, below, width - 2 * _PAD)
        height = max(below - y + (0 if place.groups else -_GAP), 14 * ends.count(place.key) + 24, _HEAD)
        self.boxes[place.key] = _Box(place, y, height)
        kind = "place bad-edge" if place.mark else "place"
        head = [
            tag("rect", class_=kind, x=x, y=f"{y:.0f}", width=f"{width:.0f}", height=f"{height:.0f}", rx=8),
            self._text(place.name, x + _PAD, y + 22, "strong", 15, width - 2 * _PAD),
            self._text(place.note, x + _PAD, y + 40, "muted", 12, width - 2 * _PAD),
        ]
        parts.append(tag("g", tag("title", f"{place.name}: {place.note}"), *head, *inner))
        return y + height

    def _meter(self, parts: list[Markup], place: Place, x: float, y: float, width: float) -> float:
        """How many addresses are free, as text and as a bar."""
        free, size = place.free or 0, place.size or 1
        used = min(1.0, max(0.0, 1 - free / size))
        kind = BAD if used > 0.9 else BUSY if used > 0.75 else OK
        words = f"{free:,} of {size:,} {'' if self.narrow else 'addresses '}free"
        length = min(width, 220.0)
        parts.append(tag("rect", class_="track", x=x, y=y, width=length, height=8, rx=4))
        parts.append(
            tag("rect", class_=f"fill {kind}", x=x, y=y, width=f"{max(3.0, length * used):.0f}", height=8, rx=4)
        )
        beside = width >= length + 180
        at = (x + length + 10, y + 9) if beside else (x, y + 24)
        parts.append(self._text(words, at[0], at[1], kind if kind != OK else "muted", 12, width))
        return y + (14 if beside else 30)

    def _groups(self, parts: list[Markup], groups: Sequence[Group], x: float, y: float, width: float) -> float:
        """Things, group after group; those with titles beside each other where there is room."""
        titled = [g for g in groups if g.title and not g.dots]
        across = len(titled) if not self.narrow and 1 < len(titled) <= 4 else 1
        each = (width - (across - 1) * _GAP) / across
        row = y
        for number, group in enumerate(titled):
            column = number % across
            at, top = x + column * (each + _GAP), y
            parts.append(self._text(group.title, at, top + 14, "muted", 12, each))
            end = self._chips(parts, group.things, at, top + 22, at + each)
            row = max(row, end)
            if column == across - 1 or group is titled[-1]:
                y = row + _GAP
        for group in (g for g in groups if g not in titled):
            if group.dots:
                y = self._dots(parts, group, x, y, width) + _GAP
            else:
                y = self._chips(parts, group.things, x, y, x + width) + _GAP
        return y

    def _chips(self, parts: list[Markup], things: Sequence[Thing], x: float, y: float, right: float) -> float:
        """Things as boxes of one size, in as many columns as there is room for; returns where they end."""
        width = right - x
        columns = max(1, min(len(things), int((width + _GAP) // (210 + _GAP))))
        each = min((width - (columns - 1) * _GAP) / columns, 420.0)
        for number, thing in enumerate(things):
            at, top = x + (number % columns) * (each + _GAP), y + (number // columns) * (_CHIP + 6)
            parts.append(self._chip(thing, at, top, each))
        rows = -(-len(things) // columns)
        return y + rows * (_CHIP + 6) - (6 if rows else 0)

    def _chip(self, thing: Thing, x: float, y: float, width: float) -> Markup:
        summary = " · ".join(t for t in (thing.kind, thing.state, thing.note) if t)
        shown = f"◆ {thing.mark}" if thing.mark else summary
        kind = "chip bad-edge" if thing.mark or thing.health == BAD else "chip"
        return tag(
            "g",
            tag(
                "title",
                f"{thing.name}: {summary}{f' · {shown}' if thing.mark else ''}{f' ({thing.id})' if thing.id else ''}",
            ),
            tag("rect", class_=kind, x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=_CHIP, rx=6),
            self._sign(thing.health, x + 14, y + 17),
            self._text(thing.name, x + 26, y + 19, "", 13, width - 34),
            self._text(shown, x + 12, y + 37, "bad" if thing.mark else "muted", 11.5, width - 20),
            tabindex=0,
            class_="thing",
        )

    def _sign(self, health: str, x: float, y: float) -> Markup:
        """How a thing is, by shape and colour."""
        if health == OK:
            return tag("circle", class_="sign ok", cx=f"{x:.1f}", cy=f"{y - 2:.1f}", r=5)
        if health == BUSY:
            points = f"{x:.1f},{y - 8:.1f} {x + 6:.1f},{y + 3:.1f} {x - 6:.1f},{y + 3:.1f}"
            return tag("polygon", class_="sign busy", points=points)
        return tag("rect", class_="sign bad", x=f"{x - 5:.1f}", y=f"{y - 7:.1f}", width=10, height=10)

    def _dots(self, parts: list[Markup], group: Group, x: float, y: float, width: float) -> float:
        parts.append(self._text(group.title, x, y + 14, "muted", 12, width))
        y += 24
        columns = max(1, int(width // 18))
        shown = group.things[:MOST_DOTS]
        for number, thing in enumerate(shown):
            at, top = x + 7 + (number % columns) * 18, y + 6 + (number // columns) * 18
            words = f"{thing.name}: {thing.state}" + (f" · {thing.note}" if thing.note else "")
            parts.append(tag("g", tag("title", words), self._sign(thing.health, at, top + 2)))
        return y + -(-len(shown) // columns) * 18

    def _flows(self) -> Iterator[Markup]:
        """A line for each flow: out of one place, along a lane of its own, into the other, with an arrow."""
        total = dict.fromkeys(self.boxes, 0)
        for flow in self.drawn:
            for key in (flow.source, flow.destination):
                if key in total:
                    total[key] += 1
        for number, flow in enumerate(self.drawn):
            one, other = self.boxes.get(flow.source), self.boxes.get(flow.destination)
            if one is None or other is None:
                continue
            y1, y2 = self._end(one, total[flow.source]), self._end(other, total[flow.destination])
            edge = self.right
            lane = edge + self.labels + self.lane * (number + 1)
            turn = 5 if y2 > y1 else -5
            path = (
                f"M{edge:.0f} {y1:.1f} H{lane - 5:.1f} Q{lane:.1f} {y1:.1f} {lane:.1f} {y1 + turn:.1f} "
                f"V{y2 - turn:.1f} Q{lane:.1f} {y2:.1f} {lane - 5:.1f} {y2:.1f} H{edge + 7:.0f}"
            )
            arrow = f"{edge + 1:.0f},{y2:.1f} {edge + 9:.0f},{y2 - 4:.1f} {edge + 9:.0f},{y2 + 4:.1f}"
            words = f"{_called(self.site, flow.source)} to {_called(self.site, flow.destination)}: {flow.traffic}"
            if flow.verdict == WRONG:
                words += f", which is not as it should be: {flow.reason}"
            yield tag(
                "g",
                tag("title", words),
                tag("path", d=path),
                tag("polygon", points=arrow),
                *([] if self.narrow else [self._label(flow, edge, y2)]),
                class_=f"flow {flow.verdict}",
            )

    def _label(self, flow: Flow, edge: float, y: float) -> Markup:
        return self._text(flow.traffic, edge + 13, y - 2.5, "small", 10, self.labels - 14)

    def _end(self, box: _Box, total: int) -> float:
        """The next free height at a place's edge."""
        box.ends += 1
        return box.top + box.height * box.ends / (total + 1)

    def _text(self, text: str, x: float, y: float, kind: str, size: float, width: float) -> Markup:
        return tag("text", cut(text, width, size), x=f"{x:.1f}", y=f"{y:.1f}", class_=kind or None, font_size=size)


def bundled(flows: Iterable[Flow]) -> list[Flow]:
    """One flow for each pair of places and verdict, with all traffic that passes there."""
    found: dict[tuple[str, str, str], list[Flow]] = {}
    for flow in flows:
        if flow.source != flow.destination:
            found.setdefault((flow.source, flow.destination, flow.verdict), []).append(flow)
    return [
        Flow(source, destination, ", ".join(dict.fromkeys(f.traffic for f in rows)), verdict,
             "; ".join(dict.fromkeys(f.purpose for f in rows if f.purpose)), rows[0].reason)
        for (source, destination, verdict), rows in found.items()
    ]  # fmt: skip


def _called(site: Site, key: str) -> str:
    return next((p.name for p in (*site.places, *site.outside) if p.key == key), key)


# --- the page ----------------------------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --bg: #f6f7f9; --panel: #ffffff; --chip: #f2f4f7; --ink: #1b1f24; --muted: #4f5864;
  --line: #c3cad3; --flow: #0b5cad; --ok: #176f31; --busy: #865800; --bad: #b4161f; --vcn: #e9eef6; }
@media (prefers-color-scheme: dark) { :root { --bg: #0e1116; --panel: #171b22; --chip: #212731; --ink: #e8edf3;
  --muted: #a4afbb; --line: #3b444f; --flow: #6cb6ff; --ok: #4ac26b; --busy: #e0a83a; --bad: #ff8a82;
  --vcn: #12161d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 1192px; margin: 0 auto; padding: 16px; }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 28px 0 8px; }
p { margin: 4px 0; } .muted { color: var(--muted); } .bad { color: var(--bad); } .busy { color: var(--busy); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; padding: 0;
  list-style: none; }
.cards li { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
.cards strong { display: block; font-size: 1.35rem; line-height: 1.25; }
.cards span { color: var(--muted); font-size: .9rem; }
.cards .bad strong { color: var(--bad); } .cards .busy strong { color: var(--busy); }
.table { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: 7px 12px; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--muted); font-weight: 600; }
td { overflow-wrap: break-word; min-width: 6.5rem; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; color: var(--muted); font-size: .9rem; padding: 0;
  list-style: none; }
:focus-visible { outline: 3px solid var(--flow); outline-offset: 2px; }
svg { display: block; max-width: 100%; height: auto; font-family: system-ui, sans-serif; }
svg.narrow { display: none; } svg text { fill: var(--ink); } svg .strong { font-weight: 650; }
svg .muted { fill: var(--muted); } svg .small { fill: var(--flow); } svg .bad { fill: var(--bad); }
svg .busy { fill: var(--busy); }
.vcn { fill: var(--vcn); stroke: var(--line); stroke-width: 1.5; }
.place { fill: var(--panel); stroke: var(--line); } .chip { fill: var(--chip); stroke: var(--line); }
.bad-edge { stroke: var(--bad); stroke-width: 2; }
.track { fill: var(--chip); stroke: var(--line); } .fill.ok, .sign.ok { fill: var(--ok); }
.fill.busy, .sign.busy { fill: var(--busy); } .fill.bad, .sign.bad { fill: var(--bad); }
.thing:focus-visible { outline: none; } .thing:focus-visible .chip { stroke: var(--flow); stroke-width: 3; }
.flow path { fill: none; stroke: var(--flow); stroke-width: 1.6; } .flow polygon { fill: var(--flow); }
.flow.wrong path { stroke: var(--bad); stroke-dasharray: 5 4; }
.flow.wrong polygon, .flow.wrong .small { fill: var(--bad); }
.flow:hover path { stroke-width: 3; }
@media (max-width: 760px) { header, main, footer { padding: 16px; } svg.wide { display: none; }
svg.narrow { display: block; } }
@media print { svg.narrow { display: none; } svg.wide { display: block; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(site: Site) -> str:
    """The whole page, which parses as XML and as HTML."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{site.name}: what runs"),
        tag("style", Markup(STYLE)),
    )
    header = tag("header", tag("h1", site.name), tag("p", f"{site.region} · as of {site.time}", class_="muted"))
    body = tag(
        "body", header, tag("main", *_body(site)), tag("footer", tag("p", "Written by okestack.oci", class_="muted"))
    )
    return "<!DOCTYPE html>\n" + tag("html", head, body, lang="en", xmlns="http://www.w3.org/1999/xhtml") + "\n"


def _body(site: Site) -> Iterator[Markup]:
    yield _cards(site)
    yield tag("h2", "The picture")
    yield tag("div", Picture(site, WIDE).markup(), Picture(site, NARROW).markup())
    legend = (
        "● in order",
        "▲ on its way, or soon at its end",
        "■ not in order",
        "◆ not as declared",
        "→ traffic that passes",
    )
    yield tag("ul", *(tag("li", words) for words in legend), class_="legend", aria_label="Signs in the picture")
    if site.findings is not None:
        yield tag("h2", "Not as declared")
        if site.findings:
            yield _table("Not as declared", ("How", "What"), site.findings)
        else:
            yield tag("p", "Everything is as declared, and nothing is beside it.")
    if site.notes:
        yield tag("h2", "Not seen")
        yield tag("ul", *(tag("li", note) for note in site.notes))
    flows = [
        (_called(site, f.source), _called(site, f.destination), f.traffic, _VERDICTS[f.verdict],
         f.reason if f.verdict == WRONG else f.purpose)
        for f in site.flows
    ]  # fmt: skip
    if flows:
        yield tag("h2", "Who talks to whom")
        yield _table("Who talks to whom", ("From", "To", "Traffic", "Passes", "What for"), flows)
    yield tag("h2", "What there is")
    yield _table("What there is", ("Where", "What", "Name", "State", "More"), list(_inventory(site)))


_VERDICTS = {OPEN: "yes", SHUT: "no, as it should be", WRONG: "not as it should be"}


def everything(site: Site) -> Iterator[tuple[str, Thing]]:
    """Each thing with the name of its place."""
    if site.vcn:
        yield "network", site.vcn
    yield from (("network", thing) for thing in site.gateways)
    for place in (*site.places, *site.outside):
        for group in place.groups:
            yield from ((place.name, thing) for thing in group.things)


def _inventory(site: Site) -> Iterator[tuple[str, ...]]:
    for where, thing in everything(site):
        more = "; ".join(t for t in (thing.note, f"◆ {thing.mark}" if thing.mark else "") if t)
        yield where, thing.kind, thing.name, thing.state, more


def _cards(site: Site) -> Markup:
    things = [thing for _where, thing in everything(site)]
    ill = sum(thing.health == BAD for thing in things)
    cards = [(f"{len(things) - ill} of {len(things)}", "in order", BAD if ill else "")]
    if site.findings is not None:
        cards.append((str(len(site.findings)), "not as declared", BAD if site.findings else ""))
    wrong = sum(f.verdict == WRONG for f in site.flows)
    if site.flows:
        cards.append((str(wrong), "flows not as they should be", BAD if wrong else ""))
    free = [(p.free, p.name) for p in site.places if p.free is not None and p.size]
    if free:
        least, name = min(free)
        cards.append((f"{least:,}", f"free addresses in {name}, the fewest", BUSY if least < 10 else ""))
    if site.certificate_days is not None:
        days = site.certificate_days
        cards.append((f"{days} days", "to the certificate's end", BAD if days < 1 else BUSY if days < SOON else ""))
    return tag(
        "ul",
        *(tag("li", tag("strong", figure), tag("span", words), class_=kind or None) for figure, words, kind in cards),
        class_="cards",
        aria_label="At a glance",
    )


def _table(label: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table that scrolls where it is too wide, by keyboard as well."""
    head = tag("thead", tag("tr", *(tag("th", h, scope="col") for h in heads)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", head, body), class_="table", role="region", aria_label=label, tabindex=0)
