"""Nothing that is private gets out, in any form, at any time, by any way of asking."""

import pytest

from tests.feed.world import PRIVATE, SAMPLE, Gateway, held

FORMS = ("", ".json", ".html", ".atom", ".ics", "/me", "/me.json", "/me.html", ".xml", "/me.xml")
MOMENTS = ("2026-08-01", "2026-10-05", "2026-12-01T14:30:00", "2027-01-10", "2027-01-20", "2027-05-01")


def test_the_sample_holds_all_that_is_private() -> None:
    written = {one for one in PRIVATE if one in SAMPLE or one.endswith("of-hold")}
    assert set(PRIVATE) - written == {"20270201", "1 Feb 2027"}, "the grace's end as other forms write it"


@pytest.mark.parametrize("switched", [False, True])
@pytest.mark.parametrize("at", MOMENTS)
def test_nothing_private_is_in_any_form(at: str, switched: bool) -> None:
    gateway = Gateway(at=at)
    if switched:
        gateway.plan = held()
    for form in FORMS:
        for accept in ("*/*", "text/html"):
            answer = gateway.get(form, Accept=accept, **{"X-User-Id": "a-stranger"})
            everything = f"{answer.headers} {answer.text}"
            leaked = [one for one in PRIVATE if one in everything]
            assert not leaked, (form, everything)


def test_a_consumer_sees_its_own_grace_and_nothing_of_others() -> None:
    gateway = Gateway()
    for form in ("/me.json", "/me.html"):
        text = gateway.get(form, **{"X-Api-Key": "key-of-acme"}).text
        own = {"acme", "2027-02-01", "1 Feb 2027", "20270201"}
        assert "2027-02-01" in text
        assert [one for one in PRIVATE if one in text and one not in own] == []


def test_the_value_that_names_a_caller_is_not_shown_back() -> None:
    for header in ("X-Api-Key", "X-User-Id"):
        answer = Gateway().get("/me", **{header: "value-of-the-header"})
        assert answer.json()["caller"].startswith("~")
        assert "value-of-the-header" not in answer.text
