"""The `Link` header as servers write it: correctly, carelessly, or with malice."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inn8_pipeline.extract.paging.links import (
    ForeignLinkError,
    PageLinks,
    page_links,
    page_url,
    pages_between,
    parse_links,
)

HERE = "https://inn8.example/v1/clients?page=1"


def links(*headers: str) -> PageLinks:
    return page_links(headers, HERE, httpx.URL("https://inn8.example/v1"))


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
        ("<a>, <b>; rel=next", [("a", set()), ("b", {"next"})]),
        ("<a> junk, <b>; rel=next", [("a", set()), ("b", {"next"})]),
        ('<>; rel="next"', [("", {"next"})]),
        ('<a; rel="next"', []),
        ("", []),
    ],
)
def test_links_are_read_in_all_their_spellings(header: str, expected: list[tuple[str, set[str]]]) -> None:
    assert [(target, set(relations)) for target, relations in parse_links(header)] == expected


@given(st.text("<>,;=\"'\\ \tarelnxt#", max_size=60))
def test_any_header_is_read_without_an_error(header: str) -> None:
    assert len(list(parse_links(header))) <= header.count("<")


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
    started = time.perf_counter()
    list(parse_links(hostile))
    assert time.perf_counter() - started < 0.5


def test_links_are_absolute_and_the_first_of_each_kind_counts_over_several_headers() -> None:
    found = links('<?page=2#part>; rel="next"', '</v1/clients?page=3>; rel="next", <clients?page=9>; rel="last"')
    assert found == PageLinks("https://inn8.example/v1/clients?page=2", "https://inn8.example/v1/clients?page=9")


def test_the_same_origin_may_be_written_in_other_ways() -> None:
    assert links("<HTTPS://INN8.example:443/x>; rel=next").next_url == "https://inn8.example/x"


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://inn8.example/x", "inn8.example"),
        ("https://inn8.example:444/x", "inn8.example"),
        ("//evil.example/x", "evil.example"),
        ("https://inn8.example.evil.example", "inn8.example.evil.example"),
        ("https://inn8.example@evil.example/", "evil.example"),
        ("https://user@inn8.example/", "inn8.example"),
        ("file:///etc/passwd", "a host with a strange name"),
        ("javascript:alert(1)", "a host with a strange name"),
    ],
)
def test_a_link_that_leaves_the_origin_names_its_host_alone(target: str, host: str) -> None:
    with pytest.raises(ForeignLinkError) as caught:
        links(f"<{target}>; rel=next")
    assert caught.value.host == host


def test_a_foreign_link_of_another_relation_is_ignored() -> None:
    assert links("<https://docs.example/>; rel=help") == PageLinks()


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
    assert page_url(httpx.URL("https://h/x?a=%20b&page=2&c=1"), 17) == "https://h/x?a=%20b&page=17&c=1"
