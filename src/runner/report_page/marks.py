"""What the pictures of a run share: a sign and a colour for each status, and text that fits."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from xml.etree.ElementTree import Element, SubElement, tostring

#: In the order of a legend.
STATUSES = ("ran", "reused", "failed", "stopped", "to run", "not run", "not needed")

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

# Colours come as variables, so that one picture serves light and dark pages, and paper.
_LIGHT = """
--ink:#1f2328;--soft:#59636e;--line:#c3cad2;--grid:#e2e6ea;--edge:#9aa4af;--faint:#eef1f4;--ground:#ffffff;
--ran:#1a7f37;--ran-tint:#e8f5ec;--reused:#0b62c4;--reused-tint:#e7f0fc;
--failed:#c4232d;--failed-tint:#fdebec;--stopped:#8f5f00;--stopped-tint:#fdf3da;
--idle:#6a737d;--idle-tint:#f6f7f9;
"""
_DARK = """
--ink:#e6e9ed;--soft:#98a2ad;--line:#3a424c;--grid:#2a3139;--edge:#626c78;--faint:#21262d;--ground:#14181d;
--ran:#4cc068;--ran-tint:#14291b;--reused:#6cb0ff;--reused-tint:#13263d;
--failed:#ff7b76;--failed-tint:#371a1c;--stopped:#dda83a;--stopped-tint:#2e2413;
--idle:#949ea9;--idle-tint:#1b2027;
"""
COLOURS = (
    f":root{{color-scheme:light dark;{_LIGHT}}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
).replace("\n", "")

_VARIABLE = re.compile(r"var\(--([a-z-]+)\)")
#: The light colours by name.
PAPER = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6});", _LIGHT))

_KINDS = {"ran": "ran", "reused": "reused", "failed": "failed", "stopped": "stopped"}
STYLE = (
    f"svg.picture{{font-family:{FONT};font-size:13px}}"
    ".picture text{fill:var(--ink)}"
    ".picture .soft{fill:var(--soft);font-size:11.5px}"
    ".mark{fill:none;stroke:var(--idle);stroke-width:2;stroke-linecap:round}"
    ".mark .full{fill:var(--idle);stroke:none}"
    ".dots{stroke-dasharray:2 2.6}"
) + "".join(
    f".{kind} .mark,.mark.{kind}{{stroke:var(--{kind})}}"
    f".{kind} .mark .full,.mark.{kind} .full{{fill:var(--{kind})}}"
    for kind in _KINDS.values()
)


def on_paper(drawn: str) -> str:
    """An SVG of ours in light colours, for programs that know no variables in styles."""
    lit = drawn.replace(COLOURS, "")
    return _VARIABLE.sub(lambda found: PAPER[found[1]], lit)


def kind(status: str) -> str:
    """The class of a status in the style: its own colour, or that of what did not happen."""
    return _KINDS.get(status, "idle")


def picture(width: float | None, height: float, name: str, describing: str) -> Element:
    """An empty SVG with the style of pictures.

    Args:
        width: in pixels; None for one that is as wide as there is room.
        name: its class.
        describing: what it shows, for those who can't see it.
    """
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": f"picture {name}",
        "width": "100%" if width is None else number(width),
        "height": number(height),
        "role": "img",
        "aria-label": describing,
    }
    if width is not None:
        attributes["viewBox"] = f"0 0 {number(width)} {number(height)}"
    return Element("svg", attributes)


def mark(parent: Element, status: str, x: float, y: float) -> Element:
    """Draws the sign of a status around a point; signs differ in form, not in colour alone."""
    classes = f"mark {kind(status)}"
    place = f"translate({number(x)} {number(y)})"
    group = SubElement(parent, "g", {"class": classes, "transform": place})
    if status == "ran":
        SubElement(group, "path", {"d": "M-4.5 .5 L-1.5 3.5 L4.5 -3.5"})
    elif status == "reused":
        SubElement(group, "path", {"d": "M4.2 -1.8 A4.5 4.5 0 1 0 4.5 1"})
        SubElement(group, "path", {"d": "M4.8 -4.9 V-1.4 H1.3"})
    elif status == "failed":
        SubElement(group, "path", {"d": "M-3.8 -3.8 L3.8 3.8 M3.8 -3.8 L-3.8 3.8"})
    elif status == "stopped":
        box = {"x": "-4", "y": "-4", "width": "8", "height": "8", "rx": "1", "class": "full"}
        SubElement(group, "rect", box)
    elif status == "not needed":
        SubElement(group, "path", {"d": "M-4 0 H4"})
    else:
        dots = {} if status == "to run" else {"class": "dots"}
        SubElement(group, "circle", {"r": "4.2", **dots})
    return group


@cache
def sign(status: str) -> str:
    """The sign of a status as an SVG of its own, for text."""
    attributes = {"class": "sign", "viewBox": "-8 -8 16 16", "width": "16", "height": "16"}
    found = Element("svg", {**attributes, "aria-hidden": "true"})
    mark(found, status, 0, 0)
    return written(found)


def text(parent: Element, x: float, y: float, said: str, **attributes: str) -> Element:
    """Writes a line of text; `class_` stands for `class`."""
    given = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    found = SubElement(parent, "text", {"x": number(x), "y": number(y), **given})
    found.text = said
    return found


def titled(parent: Element, said: str) -> None:
    """What is shown when the mouse rests on an element."""
    SubElement(parent, "title").text = said


def written(element: Element) -> str:
    return tostring(element, encoding="unicode")


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def breadth(said: str) -> float:
    """About how wide a text is, in ems; there is no font to measure it with."""
    return sum(_of_character(character) for character in said)


def fitted(said: str, most: float) -> str:
    """The text, shortened in its middle to so many ems: the ends of names tell them apart."""
    if breadth(said) <= most:
        return said
    half = (most - 1) / 2
    return f"{_start(said, half)}…{_start(said[::-1], half)[::-1]}"


def _start(said: str, most: float) -> str:
    used = 0.0
    for at, character in enumerate(said):
        used += _of_character(character)
        if used > most:
            return said[:at]
    return said


def _of_character(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if unicodedata.combining(character):
        return 0.0
    if character in "ijltfI.,:;'|!()[] ":
        return 0.33
    return 0.86 if character in "mwMW@%" else 0.68 if character.isupper() else 0.58
