"""The page with a picture of a site: XML, without a word from elsewhere, readable in the dark and on a phone."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.report import (
    BAD,
    BUSY,
    NARROW,
    OK,
    OPEN,
    OUTSIDE,
    SERVICES,
    SHUT,
    STYLE,
    WIDE,
    WRONG,
    Flow,
    Group,
    Picture,
    Place,
    Site,
    Thing,
    bundled,
    cut,
    page,
    tag,
)
from ansible_collections.okestack.oci.plugins.module_utils.report_task import (
    flows_of,
    marks,
    node_things,
    place_of,
    pod_things,
    thing,
)
from ansible_collections.okestack.oci.plugins.module_utils.types import mysql

NASTY = "</svg><script>alert(1)</script>&\"'\x00\x1b\ud800 {{ x }}"
SVG = "{http://www.w3.org/2000/svg}"
HTML = "{http://www.w3.org/1999/xhtml}"


def site(name: str = "shop", many: int = 12) -> Site:
    pods = tuple(Thing("pod", f"{name}-{n}", "Running", BUSY if n == 3 else OK) for n in range(many))
    nodes = tuple(Group(f"FAULT-DOMAIN-{n}", (Thing("virtual node", f"{name}{n}", "Ready"),)) for n in (1, 2, 3))
    return Site(
        name=name,
        region="eu-frankfurt-1",
        time="2026-11-29 06:50 UTC",
        compartments=(name,),
        vcn=Thing("VCN", name, "AVAILABLE", OK, "10.0.0.0/16"),
        gateways=(Thing("NAT gateway", name, "AVAILABLE"),),
        places=(
            Place("lb", "lb", "10.0.1.0/24", 250, 253, groups=(Group("", (Thing("load balancer", name, "ACTIVE"),)),)),
            Place("nodes", "nodes", "10.0.16.0/20", 5, 4093, groups=nodes),
            Place("pods", "pods", name, 10, 100, groups=(Group("crud", pods, True),)),
            Place("mysql", "mysql", "", None, None, mark=name,
                  groups=(Group("", (Thing("DB system", name, "FAILED", BAD, "", name, "ocid1.x"),)),)),
        ),
        outside=(Place(OUTSIDE, "Internet"), Place(SERVICES, "Oracle services")),
        flows=(
            Flow(OUTSIDE, "lb", "tcp 443", OPEN, name),
            Flow("pods", "mysql", "tcp 3306"),
            Flow("pods", SERVICES, "tcp 443"),
            Flow("lb", "mysql", "all", SHUT),
            Flow(OUTSIDE, "mysql", "all", WRONG, "", name),
        ),
        findings=(("differs", name),),
        certificate_days=21,
        notes=(name,),
    )  # fmt: skip


class Strict(HTMLParser):
    """Fails on what is not closed in order."""

    VOID = ("meta", "rect", "circle", "path", "polygon", "line")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID, f"HTML does not close {tag} so"


@pytest.mark.parametrize("name", ["shop", NASTY, "", "x" * 500, "Büro 東京 🚀"])
@pytest.mark.parametrize("many", [0, 1, 1000])
def test_it_parses_as_xml_and_as_html(name: str, many: int) -> None:
    text = page(site(name, many))
    root = ET.fromstring(text)
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert parser.open == [] and "script" not in parser.tags
    assert root.tag == f"{HTML}html" and len(root.findall(f".//{SVG}svg")) == 2


def test_an_empty_site_has_a_page() -> None:
    ET.fromstring(page(Site("shop", "r", "now")))


def test_nothing_comes_from_elsewhere() -> None:
    text = page(site())
    assert not re.search(r"(src|href|action)=|@import|url\(|<script|<link|javascript:| on\w+=", text)
    assert set(re.findall(r"https?://[^\"<\s]+", text)) == {
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/2000/svg",
    }
    assert "default-src 'none'" in text.replace("&#x27;", "'")


def test_pictures_and_tables_are_told_to_those_who_do_not_see_them() -> None:
    root = ET.fromstring(page(site()))
    assert root.get("lang") == "en" and root.find(f".//{HTML}title") is not None
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    for svg in root.iter(f"{SVG}svg"):
        assert all(part in ids for part in str(svg.get("aria-labelledby")).split())
        for chip in svg.iter(f"{SVG}g"):
            assert chip.find(f"{SVG}title") is not None
        assert any(e.get("tabindex") == "0" for e in svg.iter())
    for region in root.iter(f"{HTML}div"):
        if region.get("role") == "region":
            assert region.get("tabindex") == "0" and region.get("aria-label")
    assert all(h.get("scope") == "col" for h in root.iter(f"{HTML}th"))


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(dark: bool) -> None:
    """4.5 to 1, as WCAG 2 wants of text; lines and signs 3 to 1."""
    light, night = STYLE.split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--(\w+): (#\w{6})", night if dark else light))
    assert len(colours) >= 10
    for ink, ground in itertools.product(("ink", "muted", "ok", "busy", "bad", "flow"), ("bg", "panel", "chip", "vcn")):
        one, other = sorted((_luminance(colours[ink]), _luminance(colours[ground])))
        assert (other + 0.05) / (one + 0.05) >= 4.5, (ink, ground)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_picture_stays_within_its_width(width: int) -> None:
    svg = ET.fromstring(Picture(site(), width).markup())
    for rect in svg.iter(f"{SVG}rect"):
        assert float(rect.get("x", 0)) >= 0 and float(rect.get("x", 0)) + float(rect.get("width", 0)) <= width
    for path in svg.iter(f"{SVG}path"):
        assert all(0 <= float(x) <= width for x in re.findall(r"[HQ]([\d.]+)", str(path.get("d"))))
    lines = [g for g in svg.iter(f"{SVG}g") if str(g.get("class", "")).startswith("flow")]
    assert len(lines) == 4, "what does not pass, as it should be, is not drawn"
    assert sum("wrong" in str(g.get("class")) for g in lines) == 1


def test_flows_between_two_places_are_one_line() -> None:
    found = bundled([Flow("a", "b", "tcp 1"), Flow("a", "b", "tcp 2"), Flow("b", "a", "all"), Flow("a", "a", "all")])
    assert [(f.source, f.destination, f.traffic) for f in found] == [("a", "b", "tcp 1, tcp 2"), ("b", "a", "all")]


def test_what_is_not_as_declared_is_marked() -> None:
    findings: list[dict[str, Any]] = [
        {"kind": "differs", "type": "mysql_db_system", "name": "shop", "id": None, "what": "x is 1, not 2"},
        {"kind": "gone", "type": "vcn", "name": "gone"},
        {"kind": "left_over", "type": "subnet", "name": "s", "id": "ocid1.subnet..s", "what": ""},
    ]
    found = marks(findings)
    assert found["mysql_db_system", "shop"] == "x is 1, not 2" and found["subnet", "ocid1.subnet..s"] == "left over"
    assert ("vcn", "gone") not in found
    one = Thing("DB system", "shop", mark=found["mysql_db_system", "shop"])
    assert "◆ x is 1, not 2" in page(Site("s", "r", "t", places=(Place("a", "a", groups=(Group("", (one,)),)),)))


@pytest.mark.parametrize(
    ("state", "health"), [("ACTIVE", OK), ("INACTIVE", OK), ("UPDATING", BUSY), ("FAILED", BAD), ("DELETING", BUSY)]
)
def test_a_state_is_a_health(state: str, health: str) -> None:
    assert thing(mysql.MYSQL_DB_SYSTEM, {"display_name": "a", "lifecycle_state": state}).health == health


def test_nodes_are_told_by_fault_domain_and_pods_by_namespace() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    nodes = [
        {"metadata": {"name": n, "labels": {"oci.oraclecloud.com/fault-domain": d}}, "status": {"conditions": c}}
        for n, d, c in (("b", "FD-2", ready), ("a", "FD-1", []), ("c", "FD-2", ready))
    ]
    assert [(g.title, [(t.name, t.health) for t in g.things]) for g in node_things(nodes)] == [
        ("FD-1", [("a", BAD)]),
        ("FD-2", [("b", OK), ("c", OK)]),
    ]
    pods = [
        {"metadata": {"name": n, "namespace": "crud"}, "status": {"phase": p, "conditions": c}}
        for n, p, c in (("a", "Running", ready), ("b", "Running", []), ("c", "Failed", []), ("d", "Succeeded", []))
    ]
    (group,) = pod_things(pods)
    assert group.title == "crud, 4 pods" and [t.health for t in group.things] == [OK, BUSY, BAD, OK]


def test_flows_are_between_the_places_of_their_parties() -> None:
    subnets = {"pods": "ocid1.p", "mysql": "ocid1.m"}
    parties = {
        "pods": place_of({"subnet": "pods"}, subnets),
        "database": place_of({"subnet": "mysql"}, subnets),
        "Oracle services": place_of({"service": "all"}, subnets),
        "internet": place_of({"address": "0.0.0.0/0"}, subnets),
    }
    answers = [
        {
            "source": "pods",
            "destination": "database",
            "traffic": "tcp 3306",
            "verdict": "reachable",
            "as_expected": True,
        },
        {"source": "internet", "destination": "database", "verdict": "blocked", "as_expected": True},
        {"source": "internet", "destination": "pods", "verdict": "reachable", "as_expected": False, "reason": "a rule"},
    ]
    assert [(f.source, f.destination, f.verdict) for f in flows_of(answers, parties)] == [
        ("ocid1.p", "ocid1.m", OPEN),
        (OUTSIDE, "ocid1.m", SHUT),
        (OUTSIDE, "ocid1.p", WRONG),
    ]
    assert parties["Oracle services"] == SERVICES


def test_small_things() -> None:
    assert tag("p", "a<b", class_="x") == '<p class="x">a&lt;b</p>'
    assert tag("rect", x=1) == '<rect x="1" />' and tag("div") == "<div></div>"
    assert cut("abcdefgh", 30, 10).endswith("…") and cut("ab", 100) == "ab"
