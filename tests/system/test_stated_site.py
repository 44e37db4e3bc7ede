"""Where a form asks for the plant, the answer places the lead on the whole road; the rep sees the branch."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from support.world import add_branch, laid_out

from syncd.lead.decision import Origin
from syncd.store.tables import entity, link

LINE = "  website: {type: url}\n"
READ = "    website: {from: website}\n"


def test_a_lead_sits_at_the_branch_that_its_form_states(tmp_path: Path, sqlite_url: str) -> None:
    """A field `site` in the definition and in one mapping is all it takes."""
    with laid_out(tmp_path, sqlite_url) as made:
        for name, line, more in (
            ("definition", LINE, "  site: {type: text}\n"),
            ("hubspot", READ, "    site: {from: plant}\n"),
        ):
            file = made.folder / "mappings" / f"{name}.yaml"
            text = file.read_text(encoding="utf-8")
            assert line in text
            file.write_text(text.replace(line, line + more, 1), encoding="utf-8")
        made.hubspot.define_property("contacts", "plant", "string")
        with made.running():
            made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
            add_branch(made, "S1", "Works Inc", street="400 Alder Rd", city="Peoria", postcode="61604", phone="")
            add_branch(made, "S2", "Works Inc", street="9 Birch Rd", city="Joliet", postcode="60432", phone="")
            made.settle()
            contact = made.contact(plant="Our Joliet plant")
            made.settle()
            with made.app.engine.connect() as connection:
                query = sa.select(link.c.record_id, link.c.entity, entity.c["values"], entity.c.provenance).where(
                    link.c.entity == entity.c.id
                )
                known = {row.record_id: row for row in connection.execute(query)}
            lead = known[contact]
            assert lead._mapping["values"]["branch"] == known["C1/S2"].entity
            assert Origin(*lead.provenance["branch"]).rule == "stated site"
            (written,) = made.leads()
            assert written["Branch__c"] in {
                row["Id"] for row in made.salesforce.all("Branch__c") if row["City__c"] == "Joliet"
            }
