"""Many people of one company: what they share says nothing of who they are."""

from __future__ import annotations

from pathlib import Path

from support.people import People
from support.world import world


def test_hundreds_of_colleagues_raise_no_question(tmp_path: Path, sqlite_url: str) -> None:
    """One company, one address, one switchboard; the names are of people, or made by counting."""
    firsts = ("Anna", "Bela", "Carla", "Dieter", "Erik", "Frida", "Gustav", "Hanna", "Igor", "Jonas", "Karin", "Lars")
    lasts = ("Adler", "Brandt", "Cordes", "Dietz", "Engel", "Frank", "Gross", "Haas", "Jansen", "Koch", "Lang", "Maier")
    names = [(first, last) for first in firsts for last in lasts]
    names += [(f"Given{one}", f"Family{one}") for one in range(156)]
    shared = {"company": "Lion Inc.", "mobilephone": "(312) 555-0100", "address": "12 Oak St", "city": "Chicago"}
    with world(tmp_path, sqlite_url) as made:
        contacts = made.contacts(
            [
                {
                    **shared,
                    "zip": "60601",
                    "firstname": first,
                    "lastname": last,
                    "email": f"{first}.{last}@lion.example",
                }
                for first, last in names
            ]
        )
        made.settle()
        colleagues = People(made, "", contacts)
        assert len({colleagues.lead(place) for place in range(300)}) == 300
        assert colleagues.asked("") == []
