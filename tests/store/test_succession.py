"""Records that live on as another: merged in either system, converted, in chains; who is who follows them."""

from __future__ import annotations

from seam import ANN, Seam
from support.builders import polled

from connectors.contract import WriteRequest, WriteResult
from syncd.store.tables import agreed, entity, link, problem

BOB = {**ANN, "email": "bob@plant.example"}


def two_handed_over(seam: Seam) -> tuple[str, str]:
    """Two contacts, 51 and 52, each with a Lead of its own in the CRM; return the Leads."""
    leads = []
    for contact, fields in (("51", ANN), ("52", BOB)):
        seam.contact(contact, fields)
        seam.until_quiet()
        leads.append(next(one.record_id for one in seam.rows(link, system="crm") if one.record_id not in leads))
    return leads[0], leads[1]


def test_two_people_without_a_crm_record_become_one_with_all_their_addresses(seam: Seam) -> None:
    """HubSpot merged 51 and 52 into 53; whoever writes from either old address is known."""
    seam.contact("51", {"company": None})
    seam.contact("52", {**BOB, "company": None})
    seam.until_quiet()
    seam.contact("53", {"email": "new@plant.example"}, merged=("51", "52"))
    (one,) = seam.entities()
    assert set(seam.links().values()) == {one}
    addresses = {value for key, value in seam.keys(one) if key == "email"}
    assert addresses == {"ann@plant.example", "bob@plant.example", "new@plant.example"}
    assert seam.problems() == []


def test_the_one_with_a_crm_record_keeps_its_identity(seam: Seam) -> None:
    """Its id is the key over there; the other joins it, however the survivor is numbered."""
    seam.contact("52", {**BOB, "company": None})
    seam.contact("51")
    seam.until_quiet()
    (lead,) = [one.entity for one in seam.rows(link, system="crm")]
    seam.contact("52", {"company": "Plant"}, merged=("51",))
    assert seam.entities() == [lead]
    seam.until_quiet()
    assert len({one.key for one in seam.crm.requests if one.key}) == 1


def test_a_merge_of_two_who_each_have_a_crm_lead_is_asked_about(seam: Seam) -> None:
    """Both are named, and nothing is doubled; merging the Leads as well ends it."""
    first, second = two_handed_over(seam)
    sent = len(seam.crm.requests)
    seam.contact("53", {"email": "new@plant.example"}, merged=("51", "52"))
    assert "hub contacts 53" not in seam.links()
    assert {one for _, _, one in seam.problems()} == set(seam.entities())
    message = seam.rows(problem, open=True)[0].message
    assert f"crm Lead {first}" in message
    assert f"crm Lead {second}" in message
    seam.until_quiet()
    assert len(seam.crm.requests) == sent
    seam.later()
    seam.crm_lead(second, {"Email": BOB["email"]}, deleted=True, survivor=first)
    (one,) = seam.entities()
    assert seam.links()["hub contacts 53"] == one
    assert seam.problems() == []
    seam.contact("53", {"company": "Works"})
    seam.until_quiet()
    (last,) = seam.crm.requests[sent:]
    assert (last.id, last.fields) == (first, {"Company": "Works", "Email": "new@plant.example"})


def test_a_merge_that_is_read_while_a_lead_is_being_made_takes_the_lead_over(seam: Seam) -> None:
    """The answer finds the entity that the two have become, and not the one that is no more."""
    seam.contact("51", {"company": None})
    seam.contact("52", BOB)

    def merged_meanwhile(request: WriteRequest) -> WriteResult:
        seam.contact("53", {"email": "new@plant.example"}, merged=("51", "52"))
        return seam.crm.writes(request)

    seam.crm.answer = merged_meanwhile
    seam.turn()
    seam.crm.answer = seam.crm.writes
    (one,) = seam.entities()
    assert set(seam.links().values()) == {one}
    seam.crm_lead("00Q0")
    seam.until_quiet()
    assert seam.hub.held["53"]["crm_id"] == "00Q0"
    assert len({request.key for request in seam.crm.requests if request.key}) == 1


def test_until_then_what_becomes_of_the_survivor_reaches_the_lead_of_its_address(seam: Seam) -> None:
    """HubSpot gives it a new id; what marketing edits from now on is not lost, and the other Lead stays as it is."""
    first, second = two_handed_over(seam)
    sent = len(seam.crm.requests)
    seam.contact("53", {"email": BOB["email"], "company": "Works"}, merged=("51", "52"))
    seam.until_quiet()
    assert [(one.id, one.fields) for one in seam.crm.requests[sent:]] == [(second, {"Company": "Works"})]
    assert len(seam.problems()) == len(seam.entities()) == 2
    seam.later()
    seam.crm_lead(first, {"Email": ANN["email"]}, deleted=True, survivor=second)
    (one,) = seam.entities()
    assert seam.links()["hub contacts 53"] == one
    assert seam.problems() == []


def test_a_lead_merged_in_the_crm_takes_its_link_to_the_winner(seam: Seam) -> None:
    """The winner is a Lead that a rep had typed in: from now on it gets what marketing says."""
    seam.contact("51")
    seam.until_quiet()
    (lost,) = [one.record_id for one in seam.rows(link, system="crm")]
    seam.crm_lead("00QW", {"Email": "typed@plant.example"})
    seam.later()
    seam.crm_lead(lost, deleted=True, survivor="00QW")
    (one,) = seam.entities()
    assert seam.links()["crm Lead 00QW"] == one
    sent = len(seam.crm.requests)
    seam.contact("51", {"lastname": "Smythe"})
    seam.until_quiet()
    assert {request.id for request in seam.crm.requests[sent:]} == {"00QW"}


def test_a_chain_of_merges_ends_at_the_last_winner_in_any_order(seam: Seam) -> None:
    """00Q0 into 00QB, that into 00QC; the link leads to 00QC, also when 00QC comes last and unknown."""
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.crm_lead("00QB", {"Email": "b@plant.example"}, deleted=True, survivor="00QC")
    seam.crm_lead("00Q0", deleted=True, survivor="00QB")
    seam.crm_lead("00QC", {"Email": "c@plant.example"})
    (one,) = seam.entities()
    assert seam.links()["crm Lead 00QC"] == one


def test_a_chain_of_merges_in_one_page_ends_at_the_last_winner(seam: Seam) -> None:
    """Three links at once, before the winner itself is read: it takes the person over all the same."""
    seam.contact("51")
    seam.until_quiet()
    (one,) = seam.entities()
    old = next(row.record_id for row in seam.rows(link, system="crm"))
    seam.later()
    steps = [("00QC", "00QD"), ("00QB", "00QC"), (old, "00QB")]
    gone = [polled(loser, {}, at=seam.now, deleted=True, survivor=winner) for loser, winner in steps]
    seam.hears("Lead", *gone, system="crm")
    assert seam.links()["crm Lead 00QD"] == one


def test_a_ring_of_merges_ends_too(seam: Seam) -> None:
    """Restored from a backup a system may say that each of two was merged into the other."""
    seam.contact("51")
    seam.until_quiet()
    seam.crm_lead("00QB", {"Email": "b@plant.example"}, deleted=True, survivor="00Q0")
    seam.crm_lead("00Q0", deleted=True, survivor="00QB")
    assert len(seam.entities()) == 1


def test_leads_of_two_contacts_merged_by_a_rep_are_asked_about(seam: Seam) -> None:
    """One Lead cannot obey two contacts: the winner's goes on, the other's is not made anew, both are named."""
    first, second = two_handed_over(seam)
    seam.later()
    seam.crm_lead(second, {"Email": BOB["email"]}, deleted=True, survivor=first)
    assert {one for kind, _, one in seam.problems() if kind == "duplicate"} == set(seam.entities())
    sent = len(seam.crm.requests)
    seam.contact("52", {"lastname": "Jones"})
    seam.contact("51", {"lastname": "Smythe"})
    seam.until_quiet()
    assert [(one.id, one.fields) for one in seam.crm.requests[sent:]] == [(first, {"LastName": "Smythe"})]
    (told,) = [one.message for one in seam.rows(problem, open=True, kind="deleted")]
    assert told.startswith(f"crm Lead {second} was merged there into Lead {first}, which another lead is known by")


def test_a_lead_converted_into_a_contact_nobody_else_claims_brings_that_contact_along(seam: Seam) -> None:
    """The rep chose a Contact that was known under another address."""
    seam.crm_lead("00Q1", {"Email": "ann@plant.example"})
    seam.hears("Contact", polled("0031", {"Email": "x@plant.example"}), system="crm")
    assert len(seam.entities()) == 2
    seam.crm_lead("00Q1", converted_to=("Contact", "0031"))
    (one,) = seam.entities()
    assert seam.links() == {"crm Lead 00Q1": one, "crm Contact 0031": one}


def test_a_lead_converted_into_somebody_elses_contact_is_asked_about(seam: Seam) -> None:
    """That Contact is another HubSpot contact's; neither loses its link."""
    seam.contact("51")
    seam.until_quiet()
    seam.hears("Contact", polled("0031", {"Email": "bob@plant.example"}), system="crm")
    seam.contact("52", {**BOB, "company": None})
    (bob,) = {one for name, one in seam.links().items() if name == "hub contacts 52"}
    seam.crm_lead("00Q0", converted_to=("Contact", "0031"))
    assert seam.links()["crm Contact 0031"] == bob
    assert {one for _, _, one in seam.problems()} == set(seam.entities())


def test_the_survivor_knows_what_was_agreed_so_that_our_words_are_not_its_own(seam: Seam) -> None:
    """What we wrote on 51 stands on 53 after the merge; it stays an echo."""
    seam.contact("51")
    seam.until_quiet()
    before = {one.record_id: one._mapping["values"] for one in seam.rows(agreed, system="hub")}["51"]
    assert before["crm_id"][1] == "w"
    seam.contact("53", dict(seam.hub.held["51"]), merged=("51",))
    after = {one.record_id: one._mapping["values"] for one in seam.rows(agreed, system="hub")}
    assert after["53"]["crm_id"] == before["crm_id"]


def test_ladder_and_history_go_along_with_whoever_joins(seam: Seam) -> None:
    """The one who was handed over does not start again at the foot of the ladder."""
    seam.contact("51")
    seam.until_quiet()
    (lead,) = seam.entities()
    stage = dict(seam.rows(entity, id=lead)[0].state)
    seam.later()
    seam.contact("52", {**BOB, "company": None})
    seam.contact("53", merged=("51", "52"))
    seam.until_quiet()
    (one,) = seam.entities()
    assert dict(seam.rows(entity, id=one)[0].state)["handed_at"] == stage["handed_at"]


def test_a_lead_restored_beside_its_twin_is_asked_about_until_one_is_gone(seam: Seam) -> None:
    """Their contacts were merged while one Lead lay in the bin; both are one person's now, and both are named."""
    first, second = two_handed_over(seam)
    seam.later()
    seam.crm_lead(second, {"Email": BOB["email"]}, deleted=True)
    seam.contact("53", merged=("51", "52"))
    (one,) = seam.entities()
    seam.later()
    seam.crm_lead(second)
    assert f"crm Lead {first} and crm Lead {second} are one lead ({one}), and both live" in seam.message()
    seam.later()
    seam.crm_lead(first, deleted=True)
    assert [kind for kind, _, _ in seam.problems() if kind == "duplicate"] == []
