"""The `Link` header as servers write it: correctly, carelessly, or with malice."""

import time
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inn8_pipeline.extract.paging.links import (
    ForeignLinkError,
    PageLinks,
    UnreadableLinkError,
    page_links,
    page_url,
    pages_between,
    parse_links,
)

HERE = "https://inn8.example/v1/clients?page=1"


ORIGIN = httpx.URL("https://inn8.example/v1")


def links(*headers: str, **parameters: str) -> PageLinks:
    return page_links(headers, HERE, ORIGIN, parameters)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<a>; rel="next"', [("a", {"next"})]),
        ('<a>; rel="next", <b>; rel="last"', [("a", {"next"}), ("b", {"last"})]),
        ('<a>;rel=next,<b>;rel="last"', [("a", {"next"}), ("b", {"last"})]),
        ("<a> ; REL = NEXT", [("a", {"next"})]),
        ("<a>; rel='next'", [("a", {"next"})]),
        ('<a>; title="x, <y>; rel=last"; rel="next"', [("a", {"next"})]),
        (r'<a>; title="quo\"te"; rel="next"', [("a", {"next"})]),
        ('<a>; rel="prev next  last"', [("a", {"prev", "next", "last"})]),
        ('<a>; rel="next"; rel="last"', [("a", {"next"})]),
        ("<a>; crossorigin; rel=next;", [("a", {"next"})]),
        ('<a?x=1,2;3>; rel="next"', [("a?x=1,2;3", {"next"})]),
        ('< a >; rel="next"', [("a", {"next"})]),
        (', ,\t<a>; rel="next", ,', [("a", {"next"})]),
        ('<a>; rel="next"; anchor="#other", <b>; rel="last"', [("b", {"last"})]),
        ('<>; rel="next"', [("", {"next"})]),
        ("<a>; rel='prev next'", [("a", {"prev", "next"})]),
        ('<a>; rel="item"; title=a/b', [("a", {"item"})]),
        ("", []),
        (" ,\t", []),
    ],
)
def test_links_are_read_in_all_their_spellings(header: str, expected: list[tuple[str, set[str]]]) -> None:
    assert [(target, set(relations)) for target, relations in parse_links(header)] == expected


@pytest.mark.parametrize(
    "header",
    [
        pytest.param('https://inn8.example/x?page=2; rel="next"', id="no brackets"),
        pytest.param('"https://inn8.example/x?page=2"; rel="next"', id="quoted URL"),
        pytest.param('<?page=2> rel="next"', id="lost semicolon"),
        pytest.param('&lt;?page=2&gt;; rel="next"', id="brackets as entities"),
        pytest.param('\\<?page=2\\>; rel="next"', id="escaped brackets"),
        pytest.param('{"next": "https://inn8.example/x?page=2"}', id="JSON"),
        pytest.param('<?page=2; rel="next"', id="bracket not closed"),
        pytest.param("<?page=2>; rel=next rel=last", id="lost separator"),
        pytest.param("<?page=2>", id="no relation"),
        pytest.param("<?page=2>; rel", id="relation without value"),
        pytest.param('<?page=2>; rel=""', id="empty relation"),
        pytest.param("<?page=1>; rel=first, ?page=2; rel=next", id="second link without brackets"),
        pytest.param("<?page=1>; rel=first; <?page=2>; rel=next", id="semicolon between links"),
        pytest.param('<?page=2>; title="a; rel=next', id="quote not closed"),
    ],
)
def test_a_header_that_cannot_be_read_is_an_error(header: str) -> None:
    with pytest.raises(UnreadableLinkError):
        list(parse_links(header))


@pytest.mark.parametrize(
    "header", ['<https://inn8.example/x?page=2>; rel="next"', "</x?page=2>;rel=next", "<a> ; REL = NEXT"]
)
def test_a_header_that_was_cut_off_anywhere_is_an_error(header: str) -> None:
    assert [relations for _, relations in parse_links(header)] == [{"next"}]
    for length in range(1, len(header)):
        with pytest.raises(UnreadableLinkError):
            list(parse_links(header[:length]))


@given(st.text("<>,;=\"'\\ \tarelnxt#", max_size=60))
def test_any_header_is_either_read_whole_or_an_error(header: str) -> None:
    try:
        found = list(parse_links(header))
    except UnreadableLinkError:
        return
    assert len(found) <= header.count("<")
    assert found or "<" not in header or "anchor" in header


@pytest.mark.parametrize(
    "hostile",
    [
        "<" * 100_000,
        "<a>;" * 25_000,
        "<a>; " + " " * 100_000,
        '<a>;x="' + '\\"' * 50_000,
        ", " * 50_000 + "<",
        "<a>;" + "a" * 100_000,
        "<a>" + ",<" * 50_000,
        "<a>x" + ("," + " " * 300) * 300,
        '<a>;x="' * 14_000,
    ],
    ids=range(9),
)
def test_a_hostile_header_is_read_in_linear_time(hostile: str) -> None:
    started = time.process_time()
    with suppress(UnreadableLinkError):
        list(parse_links(hostile))
    assert time.process_time() - started < 2


def test_links_are_absolute_and_the_first_of_each_kind_counts_over_several_headers() -> None:
    found = links('<?page=2#part>; rel="next"', '</v1/clients?page=3>; rel="next", <clients?page=9>; rel="last"')
    assert found == PageLinks("https://inn8.example/v1/clients?page=2", "https://inn8.example/v1/clients?page=9")


def test_the_same_origin_may_be_written_in_other_ways() -> None:
    assert links("<HTTPS://INN8.example:443/x>; rel=next").next_url == "https://inn8.example/x"


@pytest.mark.parametrize(
    ("target", "difference"),
    [
        ("http://inn8.example/x", "the scheme http instead of https"),
        ("https://inn8.example:444/x", "port 444 instead of 443"),
        ("//evil.example/x", "the host evil.example"),
        ("https://inn8.example.evil.example", "the host inn8.example.evil.example"),
        ("https://inn8.example@evil.example/", "the host evil.example"),
        ("https://user@inn8.example/", "the same origin, with a user name"),
        ("file:///etc/passwd", "a host with a strange name"),
        ("javascript:alert(1)", "a host with a strange name"),
        ("https://[::1", "what is not an address"),
    ],
)
def test_a_link_that_leaves_the_origin_is_refused_with_the_difference(target: str, difference: str) -> None:
    with pytest.raises(ForeignLinkError) as caught:
        links(f"<{target}>; rel=next")
    assert caught.value.difference == difference


OURS = {"pageSize": "1000", "fromDate": "2026-10-01", "toDate": "2026-10-31"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("pageSize=1000&fromDate=2026-10-01&toDate=2026-10-31&page=2", None),
        ("PAGESIZE=1000&fromdate=2026%2D10-01&toDate=2026-10-31&page=2", None),
        ("page=2", "page=2&pageSize=1000&fromDate=2026-10-01&toDate=2026-10-31"),
        ("", "pageSize=1000&fromDate=2026-10-01&toDate=2026-10-31"),
        ("page=2&pageSize=500&fromDate=2026-10-01", "page=2&pageSize=1000&fromDate=2026-10-01&toDate=2026-10-31"),
        (
            "pagesize=2000&page=2&todate=2026-10-02&fromDate=",
            "pagesize=1000&page=2&todate=2026-10-31&fromDate=2026-10-01",
        ),
        (
            "pageSize=1&x&pageSize=2&fromDate=2026-10-01&toDate=2026-10-31",
            "pageSize=1000&x&fromDate=2026-10-01&toDate=2026-10-31",
        ),
        ("cursor=a%2Bb%20c==&pageSize=1000", "cursor=a%2Bb%20c==&pageSize=1000&fromDate=2026-10-01&toDate=2026-10-31"),
    ],
)
def test_the_parameters_of_a_link_are_held_against_ours(sent: str, expected: str | None) -> None:
    found = links(f"</v1/clients?{sent}>; rel=next, <clients?{sent}>; rel=last", **OURS)
    wanted = f"https://inn8.example/v1/clients?{sent if expected is None else expected}"
    assert found == PageLinks(wanted, wanted)


def test_a_foreign_link_of_another_relation_is_ignored() -> None:
    assert links("<https://docs.example/>; rel=help") == PageLinks(is_end_unsure=True)


def between(following: str, last: str) -> tuple[int, int] | None:
    found = pages_between(PageLinks(following, last))
    return found and found[:2]


def test_pages_between_are_known_where_only_the_number_differs() -> None:
    assert between("https://h/x?a=1&page=2&b=3", "https://h/x?a=1&page=9&b=3") == (2, 9)
    assert between("https://h/x?page=2", "https://h/x?page=2") == (2, 2)


@pytest.mark.parametrize(
    ("following", "last"),
    [
        ("https://h/x?page=2", "https://h/y?page=9"),
        ("https://h/x?page=2", "https://h/x?page=9&b=1"),
        ("https://h/x?page=2&page=3", "https://h/x?page=9"),
        ("https://h/x?page=two", "https://h/x?page=9"),
        ("https://h/x?page=²", "https://h/x?page=9"),
        ("https://h/x?page=-2", "https://h/x?page=9"),
        ("https://h/x?page=9", "https://h/x?page=2"),
        ("https://h/x?p=2", "https://h/x?p=9"),
        ("https://h/x?page=2", "https://h/x?page=99999999999"),
    ],
)
def test_pages_between_are_not_guessed_otherwise(following: str, last: str) -> None:
    assert between(following, last) is None


def test_the_address_of_a_page_keeps_its_other_parameters() -> None:
    assert page_url("https://h/x?a=%20b&page=2&c=1", 17) == "https://h/x?a=%20b&page=17&c=1"
